/**
 * Messages from score peers, queued until they can be verified, in the order of arrival. They are weighed by the signatures they may take to
 * check. Each peer has a bounded share of the queue, so one that says a lot delays only itself; what does not fit is dropped, and comes
 * again by a later announcement or by anti-entropy.
 *
 * Whoever verifies takes one batch at a time, and says when it is ready for the next.
 */
import { limits } from '../../protocol/limits.js';
import type { ScoreUpdateMessage, ScoreVerifyMessage } from '../../protocol/score-messages.js';
import { signaturesIn } from './checks.js';

/** Signatures waiting to be checked: of one peer, and of all (some 30 MB of objects). */
export const maxWaitingOfPeer = 16 * limits.maxScoreItems;
export const maxWaiting = 128 * limits.maxScoreItems;

/** The peer that something came from; undefined for this node itself. */
export type Source = string | undefined;

export type IntakeMessage = ScoreUpdateMessage | ScoreVerifyMessage;

export interface Received {
  readonly source: Source;
  readonly message: IntakeMessage;
  /** Signatures in it, at most. */
  readonly weight: number;
}

export class Intake {
  readonly #queue: Received[] = [];
  readonly #weightOf = new Map<Source, number>();
  #weight = 0;
  #isReady = false;

  push(source: Source, message: IntakeMessage): void {
    const weight = weightOf(message);
    const ofSource = this.#weightOf.get(source) ?? 0;
    const isFull = ofSource + weight > maxWaitingOfPeer || this.#weight + weight > maxWaiting;
    if (source !== undefined && ofSource > 0 && isFull) return;
    this.#queue.push({ source, message, weight });
    this.#weigh(source, weight);
  }

  /** Something waits, or is being verified. Also true until `ready` is first called. */
  get isBusy(): boolean {
    return !this.#isReady || this.#queue.length > 0;
  }

  /** The next batch, of about this weight; undefined where nothing waits, or while the one before is being verified. */
  take(weight: number): Received[] | undefined {
    if (!this.#isReady || this.#queue.length === 0) return undefined;
    this.#isReady = false;
    const batch: Received[] = [];
    let taken = 0;
    while (taken < weight) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      taken += next.weight;
      this.#weigh(next.source, -next.weight);
      batch.push(next);
    }
    return batch;
  }

  /** The batch that was taken last is verified. */
  ready(): void {
    this.#isReady = true;
  }

  #weigh(source: Source, weight: number): void {
    const left = (this.#weightOf.get(source) ?? 0) + weight;
    this.#weight += weight;
    if (left > 0) this.#weightOf.set(source, left);
    else this.#weightOf.delete(source);
  }
}

function weightOf(message: IntakeMessage): number {
  if (message.type === 'score_verify')
    return signaturesIn({ attestations: message.attestations.length, evidence: message.evidence?.length ?? 0 });
  const attestations = message.certificates.reduce((sum, each) => sum + each.attestations.length, 0);
  return signaturesIn({ claims: message.receipts.length + message.certificates.length, attestations });
}
