/**
 * Equivocation: an account that signed two receipts for one order, or acknowledged two. Any two claims for one order that this node comes to
 * hold are compared; what they prove is stored, relayed as evidence, and bans the signer, as does evidence that peers send.
 */
import type { Claim, Evidence } from '../../protocol/signed-objects.js';
import { banBy, evidenceIn, type Ban } from '../../rules/evidence.js';
import type { Logger } from '../../runtime/log.js';
import type { Attestor } from './attestor.js';
import type { Bans } from './bans.js';
import type { VerifiedClaim } from './findings.js';
import type { Gossip } from './gossip.js';
import type { GuardedLedger } from './guarded-ledger.js';
import type { Source } from './intake.js';
import type { PendingClaims } from './pending-claims.js';

export interface EquivocationDeps {
  readonly log: Logger;
  readonly ledger: GuardedLedger;
  readonly bans: Bans;
  readonly pending: PendingClaims;
  readonly attestor: Attestor;
  readonly gossip: Gossip;
}

export class Equivocation {
  readonly #deps: EquivocationDeps;

  constructor(deps: EquivocationDeps) {
    this.#deps = deps;
  }

  /** Compares a claim with another receipt for its order that this node attested, has pending, or counts. */
  detect({ claim, facts: { entry } }: VerifiedClaim): void {
    const { ledger, pending, attestor } = this.#deps;
    const { order, hash } = entry;
    const known = [attestor.receiptOf(order), pending.receiptOf(order), ledger.receiptOf(order)];
    const rival = known.find((other) => other !== undefined && other !== hash);
    if (rival === undefined) return;
    const other = pending.get(rival);
    if (other !== undefined) return this.#compare(claim, other.claim);
    ledger.certificate(rival, (_, certificate) => {
      if (certificate !== undefined) this.#compare(claim, certificate);
    });
  }

  /** Records evidence that was checked, and relays it if it is news. */
  publish(source: Source, evidence: Evidence, ban: Ban): void {
    const { bans, ledger, gossip, log } = this.#deps;
    if (!bans.add(ban)) return;
    log.warn('account.banned', { ...ban, kind: evidence.kind });
    ledger.write([{ kind: 'evidence', account: ban.account, evidence }], (error) => {
      if (error !== undefined) log.warn('evidence.not_stored', { account: ban.account, error });
    });
    gossip.relay({ kind: 'evidence', item: evidence, isKnownTo: (peer) => peer === source });
  }

  #compare(claim: Claim, rival: Claim): void {
    for (const evidence of evidenceIn(claim, rival)) this.publish(undefined, evidence, banBy(evidence));
  }
}
