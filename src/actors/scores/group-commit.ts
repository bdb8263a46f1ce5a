/**
 * Group commit: writes that arrive while an append is under way are collected into the next one, so many of them share one `fdatasync`. Each
 * write goes into one append as a whole, and its `done` is called when that append is on disk.
 */
import { asError, CodedError } from '../../runtime/errors.js';
import type { ScoreStoreErrorCode, ScoreWrite } from './score-store.js';

/** Items waiting for the disk. Beyond that writes are refused, since a disk that slow would fill the memory. */
export const maxWaitingWrites = 10_000;
/** Items in one append, to keep each append short. A single larger write still goes through. */
const maxPerAppend = 512;

interface Waiting {
  readonly writes: readonly ScoreWrite[];
  readonly done: (error: Error | undefined) => void;
}

export class GroupCommit {
  readonly #append: (writes: readonly ScoreWrite[]) => Promise<void>;
  #waiting: Waiting[] = [];
  #waitingWrites = 0;
  #isAppending = false;
  #whenIdle: (() => void) | undefined;

  /** @param append resolves when the items are on disk, all of them or none. Called for one append at a time. */
  constructor(append: (writes: readonly ScoreWrite[]) => Promise<void>) {
    this.#append = append;
  }

  write(writes: readonly ScoreWrite[], done: (error: Error | undefined) => void): void {
    if (this.#waitingWrites + writes.length > maxWaitingWrites) {
      const message = `${maxWaitingWrites} writes are waiting for the disk; try again later`;
      return done(new CodedError<ScoreStoreErrorCode>('store_busy', message));
    }
    this.#waiting.push({ writes, done });
    this.#waitingWrites += writes.length;
    if (!this.#isAppending) this.#next();
  }

  /** Resolves once everything handed over so far is written. */
  async idle(): Promise<void> {
    if (this.#isAppending) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
  }

  #next(): void {
    const group = this.#takeGroup();
    this.#isAppending = group.length > 0;
    if (!this.#isAppending) return this.#whenIdle?.();
    const answer = (error: Error | undefined): void => {
      for (const { done } of group) done(error);
      this.#next();
    };
    this.#append(group.flatMap(({ writes }) => writes)).then(
      () => answer(undefined),
      (error: unknown) => answer(asError(error)),
    );
  }

  /** As many writes as fit one append, and at least one. */
  #takeGroup(): Waiting[] {
    let size = 0;
    const end = this.#waiting.findIndex(({ writes }, at) => (size += writes.length) > maxPerAppend && at > 0);
    const group = this.#waiting.splice(0, end < 0 ? this.#waiting.length : end);
    for (const { writes } of group) this.#waitingWrites -= writes.length;
    return group;
  }
}
