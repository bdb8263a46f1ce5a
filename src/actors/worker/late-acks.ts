/**
 * Prompts that wait for acks: their client owes more than it may, and some of that was sent so lately that the acks may be on their
 * way. They go on when those have come, or when it is too late for them (`rules/outstanding.ts`), and are admitted or refused then.
 * One such waiting room a connection; what waits in it is an unfinished request to its client, and hears signs of life.
 */
import { limits } from '../../protocol/limits.js';
import type { PromptMessage } from '../../protocol/messages.js';
import type { Desk } from './desk.js';
import type { Outboxes } from './outboxes.js';

/** Of one connection. More go on at once. */
const maxWaiting = limits.maxUnfinishedPerClient;

export interface LateAcksOptions {
  readonly peer: string;
  readonly outboxes: Outboxes;
  readonly desk: Pick<Desk, 'whenAcked'>;
  /** How many requests are in line. */
  readonly queueLength: () => number;
  /** Hands a prompt over to be admitted. */
  readonly admit: (account: string, prompt: PromptMessage) => void;
}

export class LateAcks {
  readonly #options: LateAcksOptions;
  /** By the id of the request: lets it go on now. */
  readonly #waiting = new Map<string, { readonly goOn: () => void; readonly end: () => void }>();

  constructor(options: LateAcksOptions) {
    this.#options = options;
  }

  take(account: string, prompt: PromptMessage): void {
    const { desk, outboxes, peer, queueLength, admit } = this.#options;
    const { id } = prompt;
    this.goOn(id);
    if (outboxes.owes(peer, id)) return admit(account, prompt); // the same id again is for whoever admits to judge
    const goOn = (): void => {
      if (!this.#waiting.delete(id) || !outboxes.owes(peer, id)) return;
      outboxes.release(peer, id);
      admit(account, prompt);
    };
    const end = this.#waiting.size < maxWaiting ? desk.whenAcked(account, goOn) : undefined;
    if (end === undefined) return admit(account, prompt);
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
