/**
 * The names under which the actors of a worker's tree, and of a client's, find each other (XState systemIds, given by supervisors only).
 * An actor never holds another's reference: it tells a name, and must expect that nobody answers.
 */
import type { NetworkName } from '../protocol/topics.js';

export const names = {
  storage: 'storage',
  models: 'models',
  model: (model: number) => `model.${model}`,
  health: 'health',
  duty: 'duty',
  control: 'control',
  admin: 'admin',
  consensus: 'consensus',
  residency: 'residency',
  inference: 'inference',
  engineGroup: (model: number) => `inference.${model}`,
  engine: (model: number) => `engine.${model}`,
  pace: (model: number) => `pace.${model}`,
  slots: (model: number) => `slots.${model}`,
  slot: (model: number, slot: number) => `slot.${model}.${slot}`,
  networks: 'networks',
  dht: 'dht',
  topics: 'topics',
  topic: (network: NetworkName) => `topic.${network}`,
  peers: 'peers',
  peer: (place: number) => `peer.${place}`,
  scorePeers: 'score-peers',
  scorePeer: (place: number) => `score-peer.${place}`,
  status: 'status',
  scheduler: 'scheduler',
  links: 'links',
  link: (place: number) => `link.${place}`,
  asks: 'asks',
  ask: (place: number) => `ask.${place}`,
} as const;
