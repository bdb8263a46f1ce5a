/**
 * Signs at most one object of each kind for an order, across restarts. The signature is on disk before anybody sees it, and whoever asks for
 * the same order again gets the stored one, so a crash cannot make this node equivocate.
 *
 * Callers that ask while the first signature is still being written share its result.
 */
import { CodedError } from '../../runtime/errors.js';
import type { Found, OwnKind, OwnObjects, ScoreStore, ScoreStoreErrorCode, ScoreWrite } from './score-store.js';

/** Signatures under way at once. Beyond that callers are refused, since a disk that slow would fill the memory. */
export const maxSigning = 10_000;

/** What to sign, and what to write in the same transaction. */
export interface ToSign<Kind extends OwnKind> {
  readonly object: OwnObjects[Kind];
  readonly beside?: readonly ScoreWrite[];
}

export class SignOnce {
  readonly #store: Pick<ScoreStore, 'signed' | 'write'>;
  /** Kind and order → everyone who waits for that signature. */
  readonly #waiting = new Map<string, Found<never>[]>();

  constructor(store: Pick<ScoreStore, 'signed' | 'write'>) {
    this.#store = store;
  }

  /** @param order its hash. @param make called only where nothing was signed before. */
  sign<Kind extends OwnKind>(
    what: Kind,
    order: string,
    make: () => ToSign<Kind>,
    ready: Found<OwnObjects[Kind]>,
  ): void {
    const key = `${what}/${order}`;
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) return void waiting.push(ready);
    if (this.#waiting.size >= maxSigning)
      return ready(
        new CodedError<ScoreStoreErrorCode>('store_busy', `${maxSigning} objects are waiting to be signed`),
        undefined,
      );
    this.#waiting.set(key, [ready]);
    const answer: Found<OwnObjects[Kind]> = (error, object) => {
      const all = (this.#waiting.get(key) ?? []) as Found<OwnObjects[Kind]>[];
      this.#waiting.delete(key);
      for (const each of all) each(error, object);
    };
    this.#store.signed(what, order, (error, signed) => {
      if (error !== undefined || signed !== undefined) return answer(error, signed);
      const { object, beside = [] } = make();
      this.#store.write([{ kind: 'signed', order, what, object }, ...beside], (failed) =>
        answer(failed, failed === undefined ? object : undefined),
      );
    });
  }
}
