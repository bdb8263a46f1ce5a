/** What the actors of a worker are built from: the outside world, this node's facts, and the data that outlives an actor. */
import type { LoadOptions } from '../engine/messages.js';
import type { KeyPair } from '../protocol/keys.js';
import type { Clock } from '../runtime/clock.js';
import type { Logger } from '../runtime/log.js';
import type { Random } from '../runtime/random.js';
import type { DhtInfo } from './dht.actor.js';
import type { ModelFiles } from './model-files.js';
import type { Outboxes } from './outboxes.js';
import type { EnginePort, NetworkPort } from './ports.js';
import type { StatusBoard } from './status-board.js';
import type { Transcripts } from './transcripts.js';

export interface WorkerPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly network: NetworkPort;
  readonly engines: EnginePort;
  readonly modelFiles: ModelFiles;
  /** The DHT is there, again after each restart. */
  readonly onDhtReady: (info: DhtInfo) => void;
  /** A try to open it failed, or it failed later; its supervisor sees to it. The message says what to do. */
  readonly onDhtFailed: (error: Error) => void;
  /** The model at this place of the list cannot be served, for this reason. */
  readonly onModelRefused: (place: number, reason: string) => void;
  /** Shares of 0..100 of this machine that others use; see rules/health.ts. */
  readonly sampleHealth: () => { readonly cpu: number; readonly memory: number; readonly load: number };
}

export interface WorkerOptions {
  readonly identity: KeyPair;
  /** 32 bytes; the keys of the other networks are derived from it. */
  readonly seed: Uint8Array;
  /** Names or paths of models to serve, the default first. */
  readonly models: readonly string[];
  /** Prefix of the topics' names; '' is the common mesh. */
  readonly networkPrefix: string;
  readonly slots: number;
  readonly queueCapacity: number;
  readonly drainMs: number;
  readonly maxConnections: number;
  readonly engine: Pick<LoadOptions, 'contextSize' | 'threads' | 'gpuLayers'>;
  /** Says what this program is, in `status`. */
  readonly agent: string;
}

/** What several actors write to and no actor owns: it is what must survive a crash of each of them. */
export interface WorkerData {
  readonly outboxes: Outboxes;
  readonly transcripts: Transcripts;
  readonly board: StatusBoard;
}

export interface WorkerDeps extends WorkerPorts, WorkerOptions, WorkerData {}
