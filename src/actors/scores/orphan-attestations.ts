/** Attestations that arrived before the claim they are about. Both come from many sides, so each waits a while for its claim. */
import { limits } from '../../protocol/limits.js';
import type { Attestation } from '../../protocol/signed-objects.js';
import type { Source } from './intake.js';

/** Beyond that, those that have waited longest are dropped. */
export const maxOrphans = 8_192;

export interface ReceivedAttestation {
  readonly source: Source;
  readonly attestation: Attestation;
}

export class OrphanAttestations {
  /** By receipt, the longest waiting first. */
  readonly #of = new Map<string, ReceivedAttestation[]>();
  #count = 0;

  add(received: ReceivedAttestation): void {
    const { receipt, validator, signature } = received.attestation;
    const known = this.#of.get(receipt) ?? [];
    const isKnown = known.some(({ attestation: a }) => a.validator === validator && a.signature === signature);
    if (isKnown || known.length >= limits.maxAttestations) return;
    known.push(received);
    this.#of.set(receipt, known);
    this.#count++;
    for (const oldest of this.#of.keys()) {
      if (this.#count <= maxOrphans) return;
      this.take(oldest);
    }
  }

  /** Removes and returns those about this receipt. */
  take(receipt: string): readonly ReceivedAttestation[] {
    const found = this.#of.get(receipt) ?? [];
    this.#of.delete(receipt);
    this.#count -= found.length;
    return found;
  }
}
