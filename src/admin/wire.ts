/**
 * What the admin server sends to its page: a `hello` with everything as it is, then `happened` in batches as it goes on, and `view` once a
 * second. The page imports these types alone, so what is compiled for the browser holds no code of the worker.
 */
import type { WorkerView } from '../actors/worker/worker-view.js';
import type { LogLine } from '../runtime/log-ring.js';
import type { Failures } from '../runtime/restarts.js';
import type { ActorSight } from '../runtime/tree-watch.js';

export type { ActorSight, Failures, LogLine, WorkerView };

export interface Hello {
  /** Unix time. */
  readonly atMs: number;
  readonly view: WorkerView;
  /** Parents first. */
  readonly actors: readonly ActorSight[];
  /** By name of the actor. */
  readonly failures: Readonly<Record<string, Failures>>;
  readonly log: readonly LogLine[];
  /** Ids of the machines of which there are charts, at `/charts/ID.svg`. */
  readonly charts: readonly string[];
}

/** One thing that happened, at a Unix time. */
export type Item = { readonly atMs: number } & (
  | {
      readonly kind: 'message';
      /** Null where it comes from outside of the tree. */
      readonly from: string | null;
      readonly to: string;
      readonly type: string;
      /** Id of the request that it is about. */
      readonly request?: string;
      /** The few fields that are told, readable. */
      readonly about?: string;
    }
  | { readonly kind: 'moved'; readonly actor: ActorSight; readonly request?: string }
  | { readonly kind: 'started'; readonly actor: ActorSight; readonly request?: string }
  | { readonly kind: 'gone'; readonly name: string }
  | {
      readonly kind: 'failed';
      readonly name: string;
      readonly reason: string;
      /** Null where it stays down. */
      readonly restartInMs: number | null;
    }
  | { readonly kind: 'logged'; readonly line: LogLine }
);

export interface Happened {
  readonly items: readonly Item[];
  /** Items left out, since this page was too slow or they were too many. */
  readonly lost: number;
}
