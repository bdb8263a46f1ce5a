/**
 * The names under which the actors of a worker's or client's tree find each other (XState systemIds, assigned only by
 * supervisors). An actor never holds a reference to another: it tells a name, and must expect that nobody answers.
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
