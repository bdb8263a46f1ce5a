/** What the actors of a worker are built from: the outside world, this node's facts, and the data that outlives an actor. */
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
  /** Undefined: models are neither fetched nor offered. */
  readonly modelsPort: ModelsPort | undefined;
  readonly conductStore: ConductStore;
  /** Undefined where it cannot be had: everybody is a guest then, and no receipts are issued. */
  readonly ledger: Ledger | undefined;
  /** Without it signatures of the score network are checked in this thread. */
  readonly checks?: ScoreChecks | undefined;
  /** The DHT is there, again after each restart. */
  readonly onDhtReady: (info: DhtInfo) => void;
  /** A try to open it failed, or it failed later; its supervisor sees to it. The message says what to do. */
  readonly onDhtFailed: (error: Error) => void;
  /** The model at this place of the list cannot be served, for this reason. */
  readonly onModelRefused: (place: number, reason: string) => void;
  /** What the clock on the wall of this machine shows at a Unix time. */
  readonly wallTime: (atMs: number) => WallTime;
  readonly ownerWord: OwnerWordStore;
  readonly control: ControlPort;
  /** Without one, nobody can look by HTTP. */
  readonly admin?: AdminPort | undefined;
  /** The admin page is there, again after each restart. */
  readonly onAdminReady?: ((address: string) => void) | undefined;
  /** The owner wants it to end: `now` without waiting for what runs. */
  readonly onStopAsked: (how: 'drained' | 'now') => void;
  /** What an offer of this account is worth here, all in millipoints; undefined where its balance does not cover it. */
  readonly standing: (account: string, offer: Omit<Offer, 'balance'>) => Tier | undefined;
  /** What others use of this machine since the last call; `isResting`: no engine of ours computes. */
  readonly sampleHealth: (isResting: boolean) => MachineSample;
}

/** What the queue says is the worker's own to know. */
export interface MachineSample extends Omit<HealthSample, 'queue'> {
  /** Of all cores, by all programs, this worker and its engines included: 0..1. */
  readonly busyShare: number;
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
  /** Whether what a slot has read for one account may be reused for another: their response times tell of each other then. */
  readonly sharesPrefix: boolean;
  /** When it works for others; undefined is always. */
  readonly schedule: Schedule | undefined;
  readonly maxConnections: number;
  /** The accounts that are served, besides the owner's own; empty is everyone. */
  readonly allow: readonly string[];
  /** The accounts that never are. */
  readonly deny: readonly string[];
  /** Whose attestations make a certificate. */
  readonly validators: ValidatorPolicy;
  readonly engine: Pick<LoadOptions, 'threads' | 'gpuLayers'>;
  /** Of memory, what its models may take together. */
  readonly modelMemoryBytes: number;
  /** Processors of the machine, whether this program may use them or not. */
  readonly cores: number;
  /** Says what this program is, in `status`. */
  readonly agent: string;
}

/** What several actors write to and no actor owns: it is what must survive a crash of each of them. */
export interface WorkerData {
  readonly outboxes: Outboxes;
  readonly transcripts: Transcripts;
  readonly board: StatusBoard;
  readonly conduct: Conduct;
  readonly desk: Desk;
  /** Undefined without a ledger: this node has no part in the score network. */
  readonly scores: ScoreDeps | undefined;
  readonly tally: Tally;
  readonly restarts: Restarts;
}

export interface WorkerDeps extends WorkerPorts, WorkerOptions, WorkerData {}
