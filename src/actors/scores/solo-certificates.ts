/**
 * Certificates that this node made alone because nobody else was there. Once there are other validators, they are offered to them again, some in
 * each round, until enough have attested them. Nobody attests what is older than a week, so such a certificate stays solo.
 */
import { limits } from '../../protocol/limits.js';
import type { Attestation } from '../../protocol/signed-objects.js';
import { claimLifeMs } from '../../rules/attestation.js';
import { isSolo } from '../../rules/quorum.js';
import type { Clock } from '../../runtime/clock.js';
import type { Gossip } from './gossip.js';
import type { GuardedLedger } from './guarded-ledger.js';
import type { ScorePeers } from './score-peers.js';
import { bareCertificate, type StoredCertificate } from './score-store.js';
import type { Validators } from './validators.js';

/** In one round. */
export const maxOffered = limits.maxScoreItems;

export interface SoloDeps {
  readonly clock: Clock;
  readonly ledger: GuardedLedger;
  readonly validators: Validators;
  readonly scorePeers: ScorePeers;
  readonly gossip: Gossip;
}

export class SoloCertificates {
  readonly #deps: SoloDeps;
  /** By receipt, with the attestations gathered since. */
  readonly #offered = new Map<string, StoredCertificate>();
  /** Where in the list of all the next round starts. */
  #from = 0;

  constructor(deps: SoloDeps) {
    this.#deps = deps;
  }

  /** Once a round, and when validators appear. */
  offer(): void {
    const { ledger, validators } = this.#deps;
    if (isSolo(validators.quorum)) return;
    this.#offered.clear();
    ledger.solos((_, hashes = []) => {
      if (this.#from >= hashes.length) this.#from = 0;
      const some = hashes.slice(this.#from, this.#from + maxOffered);
      this.#from += maxOffered;
      for (const hash of some) ledger.certificate(hash, (__, found) => this.#announce(hash, found));
    });
  }

  /** How many more attestations an offered certificate needs; 0 where this one is no news, or about another receipt. */
  missing({ receipt, validator }: Attestation): number {
    const known = this.#offered.get(receipt)?.attestations;
    if (known === undefined || known.some((other) => other.validator === validator)) return 0;
    return this.#deps.validators.quorum.threshold;
  }

  /** Takes a verified attestation. @returns whether it is about a certificate that was offered. */
  attest(attestation: Attestation): boolean {
    const { ledger, validators } = this.#deps;
    const hash = attestation.receipt;
    const before = this.#offered.get(hash);
    if (before === undefined) return false;
    const certificate = { ...before, attestations: [...before.attestations, attestation] };
    const attestedBy = certificate.attestations.map(({ validator }) => validator);
    if (validators.missing(attestedBy) > 0) this.#offered.set(hash, certificate);
    else {
      this.#offered.delete(hash);
      ledger.count({ ...certificate, isSolo: false }, () => {}); // if it fails, it is offered again
    }
    return true;
  }

  #announce(hash: string, found: StoredCertificate | undefined): void {
    const { clock, scorePeers, gossip } = this.#deps;
    if (found === undefined || found.receipt.finishedAt < clock.now() - claimLifeMs) return;
    this.#offered.set(hash, found);
    gossip.announce({
      kind: 'certificate',
      item: bareCertificate(found),
      isKnownTo: (peer) => !scorePeers.isWorker(peer),
    });
  }
}
