/**
 * Prompts that wait for acks: their client owes more than it may, and some of that was sent so lately that the acks may be on their
 * way. They go on when those have come, or when it is too late for them (`rules/outstanding.ts`), and are admitted or refused then.
 * One such waiting room a connection; what waits in it is an unfinished request to its client, and hears signs of life. Its
 * time runs: no prompt waits here beyond its deadline, and the wait counts as part of the response.
 */
import { limits } from '../../protocol/limits.js';
import type { PromptMessage } from '../../protocol/messages.js';
import type { Clock, TimerHandle } from '../../runtime/clock.js';
import type { Desk } from './desk.js';
import type { Outboxes } from './outboxes.js';

/** Of one connection. More go on at once. */
const maxWaiting = limits.maxUnfinishedPerClient;

export interface LateAcksOptions {
  readonly clock: Clock;
  readonly peer: string;
  readonly outboxes: Outboxes;
  readonly desk: Pick<Desk, 'whenAcked'>;
  /** How many requests are in line. */
  readonly queueLength: () => number;
  /** Hands a prompt over to be admitted, which has waited for so long. */
  readonly admit: (account: string, prompt: PromptMessage, waitedMs: number) => void;
}

export class LateAcks {
  readonly #options: LateAcksOptions;
  /** By the id of the request: lets it go on now. */
  readonly #waiting = new Map<string, { readonly goOn: () => void; readonly end: () => void }>();

  constructor(options: LateAcksOptions) {
    this.#options = options;
  }

  take(account: string, prompt: PromptMessage): void {
    const { clock, desk, outboxes, peer, queueLength, admit } = this.#options;
    const { id, deadlineMs } = prompt;
    this.goOn(id);
    if (outboxes.owes(peer, id)) return admit(account, prompt, 0); // the same id again is for whoever admits to judge
    const receivedAtMs = clock.monotonicMs();
    const goOn = (): void => {
      clock.clearTimeout(deadline);
      if (!this.#waiting.delete(id) || !outboxes.owes(peer, id)) return;
      outboxes.release(peer, id);
      admit(account, prompt, clock.monotonicMs() - receivedAtMs);
    };
    let deadline: TimerHandle;
    const stopWaiting = this.#waiting.size < maxWaiting ? desk.whenAcked(account, goOn) : undefined;
    if (stopWaiting === undefined) return admit(account, prompt, 0);
    if (deadlineMs !== undefined) deadline = clock.setTimeout(() => this.goOn(id), deadlineMs);
    const end = (): void => {
      clock.clearTimeout(deadline);
      stopWaiting();
    };
    this.#waiting.set(id, { goOn, end });
    outboxes.open(peer, id);
    const last = queueLength() + 1; // where it comes, at worst, if it is admitted now
    outboxes.tellPosition(peer, { id, position: last, length: last, tier: 'guest', estimatedWaitMs: 0 });
  }

  /** Something else is said of this request: whoever admits is to hear of it first. */
  goOn(id: string): void {
    const waiting = this.#waiting.get(id);
    waiting?.end();
    waiting?.goOn();
  }

  /** The connection is gone. */
  close(): void {
    for (const { end } of this.#waiting.values()) end();
    this.#waiting.clear();
  }
}
