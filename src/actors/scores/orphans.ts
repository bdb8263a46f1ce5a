/** Attestations that overtook the claim they speak of, since both come from many sides: each waits for that, for a while. */
import { limits } from '../../protocol/limits.js';
import type { Attestation } from '../../protocol/signed-objects.js';
import type { Sender } from './inbox.js';

/** Of more, the ones that waited longest go. */
export const maxOrphans = 8_192;

/** Somebody's word, and from whom it came. */
export interface Said {
  readonly peer: Sender;
  readonly attestation: Attestation;
}

export class Orphans {
  readonly #of = new Map<string, Said[]>();
  #count = 0;

  keep(said: Said): void {
    const { receipt, validator, signature } = said.attestation;
    const known = this.#of.get(receipt) ?? [];
    const isKnown = known.some(({ attestation: a }) => a.validator === validator && a.signature === signature);
    if (isKnown || known.length >= limits.maxAttestations) return;
    known.push(said);
    this.#of.set(receipt, known);
    this.#count++;
    for (const oldest of this.#of.keys()) {
      if (this.#count <= maxOrphans) return;
      this.adopt(oldest);
    }
  }

  /** Those of this receipt, which wait no longer. */
  adopt(receipt: string): readonly Said[] {
    const found = this.#of.get(receipt) ?? [];
    this.#of.delete(receipt);
    this.#count -= found.length;
    return found;
  }
}
