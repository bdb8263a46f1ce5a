/**
 * What a worker's actors are built from: ports to the outside world, the node's settings, and data that outlives an
 * actor.
 */
import type { LoadOptions } from '../../engine/messages.js';
import type { KeyPair } from '../../protocol/keys.js';
import type { HealthSample } from '../../rules/health.js';
import type { ValidatorPolicy } from '../../rules/quorum.js';
import type { Schedule, WallTime } from '../../rules/schedule.js';
import type { Offer } from '../../rules/standing.js';
import type { Tier } from '../../rules/tiers.js';
import type { Clock } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/log.js';
import type { Random } from '../../runtime/random.js';
import type { Restarts } from '../../runtime/restarts.js';
import type { AdminPort } from '../admin.actor.js';
import type { Conduct } from '../conduct/conduct.js';
import type { ConductStore } from '../conduct/conduct-file.js';
import type { ControlPort } from '../control/messages.js';
import type { Desk } from './desk.js';
import type { DhtInfo } from '../dht.actor.js';
import type { Ledger } from '../scores/ledger.js';
import type { ModelFiles } from '../models/model-files.js';
import type { ModelsPort } from '../models/worker-models.js';
import type { OwnerWordStore } from '../home/owner-word.js';
import type { Outboxes } from './outboxes.js';
import type { EnginePort, NetworkPort } from '../ports.js';
import type { ScoreDeps } from '../score.tree.js';
import type { ScoreChecks } from '../scores/checks.js';
import type { StatusBoard } from './status-board.js';
import type { Tally } from './tally.js';
import type { Transcripts } from './transcripts.js';

export interface WorkerPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly network: NetworkPort;
  readonly engines: EnginePort;
  readonly modelFiles: ModelFiles;
  /** Undefined: models are neither fetched nor shared. */
  readonly modelsPort: ModelsPort | undefined;
  readonly conductStore: ConductStore;
  /** Undefined if it cannot be opened: then everyone is a guest, and no receipts are issued. */
  readonly ledger: Ledger | undefined;
  /** Without it, signatures of the score network are checked in this thread. */
  readonly checks?: ScoreChecks | undefined;
  /** The DHT is up; called again after each restart. */
  readonly onDhtReady: (info: DhtInfo) => void;
  /** Opening the DHT failed, or it failed later; its supervisor handles that. The message says what to do. */
  readonly onDhtFailed: (error: Error) => void;
  /** The model at this place in the list cannot be served. */
  readonly onModelRefused: (place: number, reason: string) => void;
  /** Local wall-clock time of this machine at a Unix time. */
  readonly wallTime: (atMs: number) => WallTime;
  readonly ownerWord: OwnerWordStore;
  readonly control: ControlPort;
  /** Without one there is no HTTP access. */
  readonly admin?: AdminPort | undefined;
  /** The admin page is up; called again after each restart. */
  readonly onAdminReady?: ((address: string) => void) | undefined;
  /** The owner stops the worker. `now`: without waiting for running requests. */
  readonly onStopAsked: (how: 'drained' | 'now') => void;
  /**
   * The tier that an account's offer gets here; amounts in millipoints. Undefined if its balance does not cover the
   * offer.
   */
  readonly standing: (account: string, offer: Omit<Offer, 'balance'>) => Tier | undefined;
  /**
   * How much other programs have used this machine since the last call. `isResting`: none of our engines is computing.
   */
  readonly sampleHealth: (isResting: boolean) => MachineSample;
}

/** Everything except the queue, which only the worker knows. */
export interface MachineSample extends Omit<HealthSample, 'queue'> {
  /** Share of all cores in use by all programs, including this worker and its engines: 0..1. */
  readonly busyShare: number;
}

export interface WorkerOptions {
  readonly identity: KeyPair;
  /** 32 bytes, from which the keys of the other networks are derived. */
  readonly seed: Uint8Array;
  /** Names or paths of the models to serve; the first is the default. */
  readonly models: readonly string[];
  /** Prefix of the topic names; '' is the common mesh. */
  readonly networkPrefix: string;
  readonly slots: number;
  readonly queueCapacity: number;
  readonly drainMs: number;
  /**
   * Whether a prefix that a slot has read for one account may be reused for another. If so, response times reveal
   * something about other accounts' prompts.
   */
  readonly sharesPrefix: boolean;
  /** When it works for others; undefined means always. */
  readonly schedule: Schedule | undefined;
  readonly maxConnections: number;
  /** Accounts that are served, besides the owner's own; empty means everyone. */
  readonly allow: readonly string[];
  /** Accounts that are never served. */
  readonly deny: readonly string[];
  /** Whose attestations make a certificate. */
  readonly validators: ValidatorPolicy;
  readonly engine: Pick<LoadOptions, 'threads' | 'gpuLayers'>;
  /** Memory that its models may use together. */
  readonly modelMemoryBytes: number;
  /** Processors of the machine, whether or not this program may use them. */
  readonly cores: number;
  /** Names this program in `status`. */
  readonly agent: string;
}

/** Data that several actors write and none owns, so that it survives a crash of any of them. */
export interface WorkerData {
  readonly outboxes: Outboxes;
  readonly transcripts: Transcripts;
  readonly board: StatusBoard;
  readonly conduct: Conduct;
  readonly desk: Desk;
  /** Undefined without a ledger: then this node takes no part in the score network. */
  readonly scores: ScoreDeps | undefined;
  readonly tally: Tally;
  readonly restarts: Restarts;
}

export interface WorkerDeps extends WorkerPorts, WorkerOptions, WorkerData {}
