/**
 * A callback actor whose supervisor sees every failure. XState's `fromCallback` fails only if its body or receiver
 * throws synchronously: an error in a timer, a promise or an event listener ends the process instead, and an actor that
 * failed is never cleaned up. Here:
 *
 *  1. The body runs once, at the start. It acquires what the actor owns and passes the release of each resource to
 *     `defer`.
 *  2. Functions that others call later (listeners, promise handlers) are wrapped in `guard`; timers are armed with
 *     `after` and `every`.
 *  3. Whatever throws or rejects in any of these fails the actor.
 *  4. However the actor ends (stopped, failed, ended), its timers are cleared and the releases run once, latest first.
 *     Guarded functions do nothing from then on.
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
  /** Handles events sent to this actor. A listener that throws fails the actor. */
  receive(this: void, listener: (event: TEvent) => void): void;
  /**
   * Wraps `fn` for others to call: if it throws or its promise rejects, the actor fails. Does nothing once the actor is
   * over.
   */
  guard<A extends unknown[]>(this: void, fn: (...args: A) => unknown): (...args: A) => void;
  /** Runs at the end of the actor, or immediately if it is already over. */
  defer(this: void, release: () => void): void;
  /** Calls `fn` once, guarded. Returns cancel. */
  after(this: void, delayMs: number, fn: () => unknown): () => void;
  /** Calls `fn` repeatedly, guarded, each time `periodMs` after the last call returned. Returns cancel. */
  every(this: void, periodMs: number, fn: () => unknown): () => void;
  /** Calls `fn`, guarded, whenever this machine or process wakes, with how long it slept. */
  onWake(this: void, fn: (awayMs: number) => unknown): void;
  /** Fails the actor. */
  fail(this: void, error: unknown): void;
  /** Ends the actor normally: its parent sees it done. Use it to answer `sys.shutdown` when flushing takes time. */
  end(this: void): void;
}

/** `guard` and `after` of a scope, for parts of an actor defined outside its body. */
export type Guard = GuardedScope<unknown, EventObject>['guard'];
export type After = GuardedScope<unknown, EventObject>['after'];

/** May return one more release function. */
export type GuardedBody<TInput, TEvent extends EventObject> = (
  scope: GuardedScope<TInput, TEvent>,
) => (() => void) | void;

export type GuardedSnapshot<TInput, TEvent extends EventObject> = Snapshot<undefined> & {
  readonly input: TInput;
  /** Owned by this one actor; filled by `receive`. */
  readonly listeners: ((event: TEvent) => void)[];
};

export type GuardedLogic<TInput, TEvent extends EventObject> = ActorLogic<
  GuardedSnapshot<TInput, TEvent>,
  TEvent,
  TInput
>;

/** Sent to itself, so that an error from anywhere becomes a step of the actor. */
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

/** One actor from start to end: what must be released at the end, and what must not happen after it. */
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
    ref.subscribe({ complete: end, error: end }); // called however the actor ends, before its parent is notified
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

  /** Returns a function that withdraws it. */
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
