/**
 * The workers that were met on the score network for long enough to be asked (`seen` of rules/quorum.ts). One that was away for
 * less than that time goes on from where it was, so that a connection that breaks changes nobody's quorum for a minute; while
 * it is away it is not asked, so that nobody waits for it.
 *
 * Invariant: nobody is seen who is not here, or who came for the first time less than `seenAfterMs` ago.
 */
import { seenAfterMs } from './quorum.js';

/** Nodes that are remembered. More are not asked. */
export const maxRemembered = 1_000;

interface Meeting {
  readonly sinceMs: number;
  /** Undefined while it is here. */
  leftAtMs: number | undefined;
}

export class SeenNodes {
  readonly #met = new Map<string, Meeting>();

  /** @param here who is connected, now. */
  look(here: ReadonlySet<string>, nowMs: number): void {
    for (const [node, meeting] of this.#met) {
      if (here.has(node)) meeting.leftAtMs = undefined;
      else if (nowMs - (meeting.leftAtMs ??= nowMs) >= seenAfterMs) this.#met.delete(node);
    }
    for (const node of here)
      if (!this.#met.has(node) && this.#met.size < maxRemembered)
        this.#met.set(node, { sinceMs: nowMs, leftAtMs: undefined });
  }

  /** Of those who are here. */
  seen(nowMs: number): string[] {
    const isSeen = ({ sinceMs, leftAtMs }: Meeting): boolean =>
      leftAtMs === undefined && nowMs - sinceMs >= seenAfterMs;
    return [...this.#met].filter(([, meeting]) => isSeen(meeting)).map(([node]) => node);
  }
}
