/**
 * A callback actor whose failures are always seen by its supervisor. XState's `fromCallback` fails only by what its body or its
 * receiver throws at once: an error in a timer, a promise or a listener of an emitter ends the process instead, and a failed one is never
 * cleaned up. Here:
 *
 *  1. the body runs once, at the start: it acquires what the actor owns, and hands each piece's release to `defer`;
 *  2. what others call later (listeners, promise handlers) is wrapped in `guard`, and timers are armed by `after` and `every`;
 *  3. whatever throws or rejects in any of these fails the actor;
 *  4. at its end, however it comes (stopped, failed, ended), timers are cleared and the releases run, once, the latest first; guarded
 *     functions do nothing from then on.
 */
import type { ActorLogic, ActorScope, AnyActorRef, AnyEventObject, EventObject, Snapshot } from 'xstate';
import { parentOf, sendFrom, type AnyActorSystem } from './actor-system.js';
import type { Clock } from './clock.js';

export interface GuardedScope<TInput, TEvent extends EventObject> {
  readonly input: TInput;
  readonly self: AnyActorRef;
  readonly system: AnyActorSystem;
  /** Sends to the parent. */
  sendBack(this: void, event: AnyEventObject): void;
  /** Takes the events sent to this actor. A listener that throws fails the actor. */
  receive(this: void, listener: (event: TEvent) => void): void;
  /** The same function, for others to call: what it throws, or its promise rejects with, fails the actor. Idle once the actor is over. */
  guard<A extends unknown[]>(this: void, fn: (...args: A) => unknown): (...args: A) => void;
  /** Runs at the end of the actor. At once, where that has come already. */
  defer(this: void, release: () => void): void;
  /** Calls `fn` once, guarded. Returns what cancels it. */
  after(this: void, delayMs: number, fn: () => unknown): () => void;
  /** Calls `fn` again and again, guarded, the next time `periodMs` after it returned. Returns what cancels it. */
  every(this: void, periodMs: number, fn: () => unknown): () => void;
  /** Calls `fn`, guarded, whenever this machine or process wakes, with how long it slept. */
  onWake(this: void, fn: (awayMs: number) => unknown): void;
  /** Fails the actor. */
  fail(this: void, error: unknown): void;
  /** Ends the actor well: its parent sees it done. The answer to `sys.shutdown`, where flushing takes time. */
  end(this: void): void;
}

/** `guard` and `after` of a scope, for the parts of an actor that are not written in its body. */
export type Guard = GuardedScope<unknown, EventObject>['guard'];
export type After = GuardedScope<unknown, EventObject>['after'];

/** May return one more release. */
export type GuardedBody<TInput, TEvent extends EventObject> = (
  scope: GuardedScope<TInput, TEvent>,
) => (() => void) | void;

export type GuardedSnapshot<TInput, TEvent extends EventObject> = Snapshot<undefined> & {
  readonly input: TInput;
  /** Of this one actor, filled by `receive`. */
  readonly listeners: ((event: TEvent) => void)[];
};

export type GuardedLogic<TInput, TEvent extends EventObject> = ActorLogic<
  GuardedSnapshot<TInput, TEvent>,
  TEvent,
  TInput
>;

/** Sent to itself, so that an error from anywhere becomes one of the actor's own steps. */
type OwnEvent = { readonly type: 'guarded.failed'; readonly error: unknown } | { readonly type: 'guarded.ended' };

export function guardedCallback<TInput = undefined, TEvent extends EventObject = AnyEventObject>(
  body: GuardedBody<TInput, TEvent>,
): GuardedLogic<TInput, TEvent> {
  return {
    getInitialSnapshot: (_scope, input) => ({
      status: 'active',
      output: undefined,
      error: undefined,
      input,
      listeners: [],
    }),
    start: (snapshot, scope) => run(body, snapshot, scope),
    transition(snapshot, event) {
      const own = event as EventObject as OwnEvent | { readonly type: 'xstate.stop' };
      switch (own.type) {
        case 'guarded.failed':
          throw own.error;
        case 'guarded.ended':
          return { ...snapshot, status: 'done', output: undefined, error: undefined };
        case 'xstate.stop':
          return { ...snapshot, status: 'stopped', output: undefined, error: undefined };
      }
      for (const listener of snapshot.listeners) listener(event);
      return snapshot;
    },
    getPersistedSnapshot: (snapshot) => snapshot,
  };
}

function run<TInput, TEvent extends EventObject>(
  body: GuardedBody<TInput, TEvent>,
  { input, listeners }: GuardedSnapshot<TInput, TEvent>,
  { self, system, logger }: ActorScope<GuardedSnapshot<TInput, TEvent>, TEvent>,
): void {
  const ref = self as AnyActorRef;
  const parent = parentOf(ref);
  const life = new Life(ref, (error) => {
    logger(`${ref.id}: a release failed`, error);
  });
  const release = body({
    input,
    self: ref,
    system,
    sendBack: (event) => {
      if (parent && !life.isOver) sendFrom(ref, parent, event);
    },
    receive: (listener) => void listeners.push(listener),
    guard: (fn) => life.guard(fn),
    defer: (fn) => void life.defer(fn),
    after: (delayMs, fn) => life.after(delayMs, fn),
    every: (periodMs, fn) => life.every(periodMs, fn),
    onWake: (fn) => life.onWake(fn),
    fail: (error) => life.send({ type: 'guarded.failed', error }),
    end: () => life.send({ type: 'guarded.ended' }),
  });
  if (release) life.defer(release);
}

/** From the start of one actor to its end: what it must release then, and what may not happen any more. */
class Life {
  isOver = false;
  readonly #ref: AnyActorRef;
  readonly #clock: Clock;
  readonly #releases = new Set<() => void>();
  readonly #releaseFailed: (error: unknown) => void;

  constructor(ref: AnyActorRef, releaseFailed: (error: unknown) => void) {
    this.#ref = ref;
    this.#clock = (ref as unknown as { readonly clock: Clock }).clock;
    this.#releaseFailed = releaseFailed;
    const end = (): void => this.#end();
    ref.subscribe({ complete: end, error: end }); // called however the actor ends, before its parent hears of it
  }

  send(event: OwnEvent): void {
    if (!this.isOver) this.#ref.send(event);
  }

  guard<A extends unknown[]>(fn: (...args: A) => unknown): (...args: A) => void {
    const failed = (error: unknown): void => this.send({ type: 'guarded.failed', error });
    return (...args) => {
      if (this.isOver) return;
      try {
        const result = fn(...args);
        if (result instanceof Promise) result.catch(failed);
      } catch (error) {
        failed(error);
      }
    };
  }

  /** Returns what takes it back. */
  defer(release: () => void): () => void {
    if (this.isOver) this.#release(release);
    else this.#releases.add(release);
    return () => void this.#releases.delete(release);
  }

  after(delayMs: number, fn: () => unknown): () => void {
    if (this.isOver) return () => {};
    const timer = this.#clock.setTimeout(() => {
      forget();
      this.guard(fn)();
    }, delayMs);
    const clear = (): void => this.#clock.clearTimeout(timer);
    const forget = this.defer(clear);
    return () => {
      forget();
      clear();
    };
  }

  onWake(fn: (awayMs: number) => unknown): void {
    if (!this.isOver) this.defer(this.#clock.onWake(this.guard(fn)));
  }

  every(periodMs: number, fn: () => unknown): () => void {
    let isCancelled = false;
    const turn = (): unknown => {
      const result = fn();
      if (!isCancelled) cancel = this.after(periodMs, turn);
      return result;
    };
    let cancel = this.after(periodMs, turn);
    return () => {
      isCancelled = true;
      cancel();
    };
  }

  #end(): void {
    this.isOver = true;
    const releases = [...this.#releases].reverse();
    this.#releases.clear();
    for (const release of releases) this.#release(release);
  }

  #release(release: () => void): void {
    try {
      release();
    } catch (error) {
      this.#releaseFailed(error);
    }
  }
}
