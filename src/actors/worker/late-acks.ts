/**
 * Prompts that wait for acks: their client owes more than allowed, but some of its results were sent so recently that
 * the acks may be on their way. A prompt leaves when those acks have come or are overdue (`rules/outstanding.ts`), and
 * only then is it admitted or refused. There is one instance per connection. To its client a waiting prompt is an
 * unfinished request, and it gets signs of life. The wait counts towards the response time, and no prompt waits here
 * beyond its deadline.
 */
import { limits } from '../../protocol/limits.js';
import type { PromptMessage } from '../../protocol/messages.js';
import type { Clock, TimerHandle } from '../../runtime/clock.js';
import type { Desk } from './desk.js';
import type { Outboxes } from './outboxes.js';

/** Per connection. Further prompts are handed over at once. */
const maxWaiting = limits.maxUnfinishedPerClient;

export interface LateAcksOptions {
  readonly clock: Clock;
  readonly peer: string;
  readonly outboxes: Outboxes;
  readonly desk: Pick<Desk, 'whenAcked'>;
  /** Number of requests in the queue. */
  readonly queueLength: () => number;
  /** Hands over a prompt to be admitted, with the time it has waited here. */
  readonly admit: (account: string, prompt: PromptMessage, waitedMs: number) => void;
}

export class LateAcks {
  readonly #options: LateAcksOptions;
  /** By request id. */
  readonly #waiting = new Map<string, { readonly goOn: () => void; readonly end: () => void }>();

  constructor(options: LateAcksOptions) {
    this.#options = options;
  }

  take(account: string, prompt: PromptMessage): void {
    const { clock, desk, outboxes, peer, queueLength, admit } = this.#options;
    const { id, deadlineMs } = prompt;
    this.goOn(id);
    if (outboxes.owes(peer, id)) return admit(account, prompt, 0); // admission judges repeated ids
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
    const last = queueLength() + 1; // its worst place in line if it is admitted now
    outboxes.tellPosition(peer, { id, position: last, length: last, tier: 'guest', estimatedWaitMs: 0 });
  }

  /** Another message about this request arrived: admission must see the prompt first. */
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
