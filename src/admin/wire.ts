/**
 * What the admin server sends to its page: a `hello` with the whole current state, then `happened` in batches, and
 * `view` once a second. The page imports only these types, so the code compiled for the browser contains nothing of the
 * worker.
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
  /** By actor name. */
  readonly failures: Readonly<Record<string, Failures>>;
  readonly log: readonly LogLine[];
  /** Ids of the machines that have a chart, at `/charts/ID.svg`. */
  readonly charts: readonly string[];
}

/** One event, at a Unix time. */
export type Item = { readonly atMs: number } & (
  | {
      readonly kind: 'message';
      /** Null if it comes from outside the tree. */
      readonly from: string | null;
      readonly to: string;
      readonly type: string;
      /** Id of the request it is about. */
      readonly request?: string;
      /** The fields that are shown, as text. */
      readonly about?: string;
    }
  | { readonly kind: 'moved'; readonly actor: ActorSight; readonly request?: string }
  | { readonly kind: 'started'; readonly actor: ActorSight; readonly request?: string }
  | { readonly kind: 'gone'; readonly name: string }
  | {
      readonly kind: 'failed';
      readonly name: string;
      readonly reason: string;
      /** Null if it stays down. */
      readonly restartInMs: number | null;
    }
  | { readonly kind: 'logged'; readonly line: LogLine }
);

export interface Happened {
  readonly items: readonly Item[];
  /** Items left out because there were too many, or because this page was too slow. */
  readonly lost: number;
}
