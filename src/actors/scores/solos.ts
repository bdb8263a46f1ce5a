/**
 * Certificates that this node made alone, because nobody else was there: offered again once others are, until enough of those attest
 * them too. Some at a time, the rest in the next round. What is older than a week nobody attests any more, and it stays what it is.
 */
import { limits } from '../../protocol/limits.js';
import type { Attestation } from '../../protocol/signed-objects.js';
import { claimLifeMs } from '../../rules/attestation.js';
import { isSolo } from '../../rules/quorum.js';
import type { Clock } from '../../runtime/clock.js';
import type { Guard } from '../../runtime/guarded-callback.js';
import type { Ledger } from './ledger.js';
import type { StoredCertificate } from './score-store.js';
import type { Gossip } from './gossip.js';
import type { ScorePeers } from './score-peers.js';
import type { Validators } from './validators.js';

/** Offered at a time. */
export const maxOffered = limits.maxScoreItems;

export interface SolosDeps {
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly validators: Validators;
  readonly scorePeers: ScorePeers;
}

export class Solos {
  readonly #deps: SolosDeps;
  readonly #gossip: Gossip;
  readonly #guard: Guard;
  readonly #offered = new Map<string, StoredCertificate>();
  /** Places in the list of all, where the next round goes on. */
  #from = 0;

  constructor(deps: SolosDeps, gossip: Gossip, guard: Guard) {
    this.#deps = deps;
    this.#gossip = gossip;
    this.#guard = guard;
  }

  /** Once a round, and when others appear. */
  offer(): void {
    const { ledger, validators } = this.#deps;
    if (isSolo(validators.quorum)) return;
    this.#offered.clear();
    ledger.records.solos(
      this.#guard((_: Error | undefined, hashes: readonly string[] = []) => {
        if (this.#from >= hashes.length) this.#from = 0;
        const some = hashes.slice(this.#from, this.#from + maxOffered);
        this.#from += maxOffered;
        for (const hash of some)
          ledger.certificate(
            hash,
            this.#guard((__, found) => this.#tell(hash, found)),
          );
      }),
    );
  }

  /** How many more words like this one are asked for; 0 where it is no news. */
  wants({ receipt, validator }: Attestation): number {
    const known = this.#offered.get(receipt)?.attestations;
    if (known === undefined || known.some((other) => other.validator === validator)) return 0;
    return this.#deps.validators.quorum.threshold;
  }

  /** A validator's word that was checked. @returns whether it was about one of these. */
  attest(attestation: Attestation): boolean {
    const { ledger, validators } = this.#deps;
    const hash = attestation.receipt;
    const before = this.#offered.get(hash);
    if (before === undefined) return false;
    const certificate = { ...before, attestations: [...before.attestations, attestation] };
    const { quorum } = validators;
    const counting = certificate.attestations.filter(({ validator }) => quorum.validators.has(validator));
    if (counting.length < quorum.threshold) this.#offered.set(hash, certificate);
    else {
      this.#offered.delete(hash);
      ledger.count({ ...certificate, isSolo: false }, () => {}); // if it fails, it is offered again
    }
    return true;
  }

  #tell(hash: string, found: StoredCertificate | undefined): void {
    const { clock, scorePeers } = this.#deps;
    if (found === undefined || found.receipt.finishedAt < clock.now() - claimLifeMs) return;
    const { isSolo: _, ...item } = found;
    this.#offered.set(hash, found);
    this.#gossip.tell({ kind: 'certificate', item, isKnownTo: (peer) => !scorePeers.isWorker(peer) });
  }
}
