/**
 * The tables of supervision and its rules as pure functions: who restarts, who goes down with whom, how often, how
 * soon. Terms and semantics are those of Erlang/OTP's `supervisor`; the backoff is ours, since OTP restarts at once.
 */
import type { AnyActorLogic } from 'xstate';
import type { Clock } from './clock.js';
import type { Random } from './random.js';

/** Who is restarted along with a child: only the child, the child and those started after it, or all children. */
export type Strategy = 'one-for-one' | 'rest-for-one' | 'one-for-all';

/** Whether a child that has ended is restarted: always, only if it failed, or never. */
export type Restart = 'permanent' | 'transient' | 'temporary';

/** With more than `maxRestarts` within any `windowMs`, the supervisor gives up: it fails itself. */
export interface Intensity {
  readonly maxRestarts: number;
  readonly windowMs: number;
}

/** The n-th restart in a row waits `baseMs * factor^(n-1)`, at most `maxMs`, less a random share of up to `jitter`. */
export interface Backoff {
  readonly baseMs: number;
  readonly factor: number;
  readonly maxMs: number;
  /** 0 to 1. Spreads out the restarts of children that failed together. */
  readonly jitter: number;
}

interface Entry {
  /** Unique in the whole tree: the name by which `tell` finds the child. */
  readonly id: string;
  /** Default permanent. */
  readonly restart?: Restart;
  /**
   * How long the child may take to end after `sys.shutdown` before it is stopped. 0 stops it without asking, Infinity
   * waits. Default: Infinity for supervisors, whose children have limits of their own; 0 for all others.
   */
  readonly shutdownMs?: number;
}

export interface ActorSpec extends Entry {
  readonly logic: AnyActorLogic;
  /** A function is called at each start; if it throws, the start has failed. */
  readonly input?: unknown;
}

export interface SupervisorSpec extends Entry {
  readonly strategy: Strategy;
  readonly children: readonly ChildSpec[];
  readonly intensity?: Intensity;
  readonly backoff?: Backoff;
  /** Beyond this number, `sup.start` is refused. */
  readonly maxChildren?: number;
}

/** A table entry is an actor, or a supervisor with a table of its own. */
export type ChildSpec = ActorSpec | SupervisorSpec;

export interface SupervisorPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** For logs. Its errors are dropped. */
  readonly onEvent?: (event: SupervisionEvent) => void;
}

/** What a supervisor reports. `restartInMs` is absent if the child stays down. */
export type SupervisionReport =
  | { readonly type: 'child.started'; readonly id: string }
  | { readonly type: 'child.failed'; readonly id: string; readonly error: unknown; readonly restartInMs?: number }
  | { readonly type: 'child.ended'; readonly id: string; readonly restartInMs?: number }
  | { readonly type: 'child.refused'; readonly id: string; readonly reason: string }
  | { readonly type: 'escalated'; readonly error: EscalationError };

export type SupervisionEvent = SupervisionReport & { readonly supervisor: string };

/** What a supervisor accepts from others. */
export type SupervisorCommand =
  | { readonly type: 'sup.start'; readonly spec: ActorSpec }
  | { readonly type: 'sup.stop'; readonly id: string }
  | { readonly type: 'sys.shutdown' };

/** Too many restarts. `cause` is the error of the last child that failed. */
export class EscalationError extends Error {
  override readonly name = 'EscalationError';
}

export const defaultMaxChildren = 1_024;

/** Five restarts in a row take about 1.5 s, so a child that fails at every start escalates within the window. */
export const defaultIntensity: Intensity = { maxRestarts: 5, windowMs: 10_000 };

/** Fast at first: one restart cures most crashes, and someone is waiting for the answer. */
export const defaultBackoff: Backoff = { baseMs: 50, factor: 2, maxMs: 5_000, jitter: 0.5 };

export function isRestarted(restart: Restart, failed: boolean): boolean {
  return restart === 'permanent' || (restart === 'transient' && failed);
}

/** The children that go down and come back with child number `index`, in start order. */
export function affectedBy<T>(strategy: Strategy, children: readonly T[], index: number): readonly T[] {
  switch (strategy) {
    case 'one-for-one':
      return children.slice(index, index + 1);
    case 'rest-for-one':
      return children.slice(index);
    case 'one-for-all':
      return children;
  }
}

/** The restarts that still count at `nowMs`. Never more than `maxRestarts`, since one more escalates. */
export function recentRestarts(restartsMs: readonly number[], nowMs: number, intensity: Intensity): readonly number[] {
  return restartsMs.filter((atMs) => nowMs - atMs < intensity.windowMs);
}

/** @param attempt 1 for the first restart in a row. @param chance uniform in [0, 1). */
export function backoffMs(backoff: Backoff, attempt: number, chance: number): number {
  const fullMs = Math.min(backoff.maxMs, backoff.baseMs * backoff.factor ** (attempt - 1));
  return Math.round(fullMs * (1 - backoff.jitter * chance));
}
