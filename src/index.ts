/** The package's public names. */
export {
  QMeshClient,
  type CheckedAnswer,
  type ClientEvents,
  type ConnectOptions,
  type RequestOptions,
  type WorkerView,
} from './client/client.js';
export type { LocalModel } from './client/local-workers.js';
export type { ScoreSource } from './client/open-wallet.js';
export type { Minters } from './rules/ledger.js';
export type { ValidatorPolicy } from './rules/quorum.js';
export {
  AnswerStream,
  RequestError,
  type Answer,
  type AnswerChunk,
  type Failover,
  type QueuePosition,
} from './client/answer-stream.js';
export type { AskRequest } from './actors/ask.actor.js';
export type { Bootstrap } from './actors/ports.js';
export type { AskFailure, Try } from './machines/ask.js';
export type { Receipt } from './protocol/signed-objects.js';
export { keyPairFromSeed, type KeyPair } from './protocol/keys.js';
export type { LogFields, Logger } from './runtime/log.js';
export { version } from './version.js';
