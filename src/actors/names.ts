/**
 * The names under which actors of the worker's tree find each other and of a client's (XState systemIds, given by supervisors only).
 * An actor never holds another's reference: it tells a name, and bears that nobody answers.
 */
export const names = {
  storage: 'storage',
  models: 'models',
  model: (model: number) => `model.${model}`,
  health: 'health',
  duty: 'duty',
  control: 'control',
  admin: 'admin',
  consensus: 'consensus',
  inference: 'inference',
  engineGroup: (model: number) => `inference.${model}`,
  engine: (model: number) => `engine.${model}`,
  pace: (model: number) => `pace.${model}`,
  slots: (model: number) => `slots.${model}`,
  slot: (model: number, slot: number) => `slot.${model}.${slot}`,
  networks: 'networks',
  dht: 'dht',
  topics: 'topics',
  topic: (network: 'inference' | 'scores' | 'models') => `topic.${network}`,
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
