/**
 * The workers that were met on the score network for long enough to be asked (`seen` of rules/quorum.ts). One that was away for
 * less than that time goes on from where it was, so that a connection that breaks changes nobody's quorum for a minute; while
 * it is away it is not asked, so that nobody waits for it.
 *
 * Anyone may join the score network to look things up, and nothing on the wire tells such a client from a worker before it is
 * sent a claim: a worker answers with an attestation. So a node that was sent one and has attested nothing within `answerMs`
 * does not count until it does. Otherwise no quorum of a small mesh could be reached while it is here.
 *
 * Invariant: nobody is seen who is not here, who came for the first time less than `seenAfterMs` ago, or who leaves unanswered
 * what it was asked `answerMs` ago without ever having attested anything.
 */
import { seenAfterMs } from './quorum.js';

/** Nodes that are remembered. More are not asked. */
export const maxRemembered = 1_000;

/** A worker checks a claim and writes its attestation to disk within milliseconds. */
export const answerMs = 10_000;

/** What a node has shown of itself: it was sent no claim yet, it was, or it has attested one. */
export type Answers = 'unasked' | 'asked' | 'attests';

interface Meeting {
  readonly sinceMs: number;
  /** When it was first known to owe an answer; undefined where it owes none, or has attested something. */
  askedAtMs: number | undefined;
  /** Undefined while it is here. */
  leftAtMs: number | undefined;
}

export class SeenNodes {
  readonly #met = new Map<string, Meeting>();

  /** @param here who is connected, now. */
  look(here: ReadonlyMap<string, Answers>, nowMs: number): void {
    for (const [node, meeting] of this.#met) {
      if (here.has(node)) meeting.leftAtMs = undefined;
      else if (nowMs - (meeting.leftAtMs ??= nowMs) >= seenAfterMs) this.#met.delete(node);
    }
    for (const [node, answers] of here) {
      if (!this.#met.has(node) && this.#met.size < maxRemembered)
        this.#met.set(node, { sinceMs: nowMs, askedAtMs: undefined, leftAtMs: undefined });
      const meeting = this.#met.get(node);
      if (meeting === undefined || answers === 'unasked') continue;
      meeting.askedAtMs = answers === 'asked' ? (meeting.askedAtMs ?? nowMs) : undefined;
    }
  }

  /** Of those who are here. */
  seen(nowMs: number): string[] {
    const isSeen = ({ sinceMs, askedAtMs, leftAtMs }: Meeting): boolean =>
      leftAtMs === undefined && nowMs - sinceMs >= seenAfterMs && nowMs - (askedAtMs ?? nowMs) < answerMs;
    return [...this.#met].filter(([, meeting]) => isSeen(meeting)).map(([node]) => node);
  }
}
