/**
 * This node's own attestations, as a validator. It attests one receipt for each order at most. The price of a claim that it attested is pledged
 * until the claim is certified, so that what it attests for a client never exceeds the client's balance.
 *
 * Invariant: a price is pledged from the moment a claim is judged valid until it counts or can no longer count, across restarts.
 */
import type { KeyPair } from '../../protocol/keys.js';
import { signObject, type Attestation, type Claim } from '../../protocol/signed-objects.js';
import { judge } from '../../rules/attestation.js';
import type { ClaimFacts } from '../../rules/claim.js';
import { Holds } from '../../rules/holds.js';
import { paidOf, type LedgerEntry } from '../../rules/ledger.js';
import type { Verdict } from '../../rules/verdicts.js';
import type { Clock } from '../../runtime/clock.js';
import type { Bans } from './bans.js';
import type { GuardedLedger } from './guarded-ledger.js';
import type { Found } from './score-store.js';

export interface AttestorDeps {
  readonly clock: Clock;
  readonly identity: KeyPair;
  readonly ledger: GuardedLedger;
  readonly bans: Bans;
}

export class Attestor {
  readonly #deps: AttestorDeps;
  /** Order → the receipt that this node attested for it and that is not certified yet. */
  readonly #attested = new Map<string, string>();
  readonly #pledges = new Holds();

  constructor(deps: AttestorDeps) {
    this.#deps = deps;
  }

  receiptOf(order: string): string | undefined {
    return this.#attested.get(order);
  }

  hasAttested({ order, hash }: LedgerEntry): boolean {
    return this.#attested.get(order) === hash;
  }

  /** This node's verdict on a claim, now. What it attested once stays attested, whatever the rules would say today. */
  judge(facts: ClaimFacts): Verdict {
    const { clock, ledger, bans } = this.#deps;
    if (this.hasAttested(facts.entry)) return 'valid';
    const view = {
      receiptOf: (order: string) => this.#attested.get(order) ?? ledger.receiptOf(order),
      balanceOf: (account: string) => ledger.balanceOf(account),
      pledgedBy: (account: string) => this.#pledges.heldFor(account),
      isBanned: (account: string) => bans.has(account),
    };
    return judge(facts, view, clock.now());
  }

  /** From now on this is the receipt that it attests for the order; or it was before a restart. */
  pledge(entry: LedgerEntry): void {
    this.#attested.set(entry.order, entry.hash);
    this.#pledges.hold(entry.hash, entry.client, paidOf(entry));
  }

  /** Signs what was pledged, and stores the claim with it; or finds what was signed for this order before. */
  sign(claim: Claim, { hash, order }: LedgerEntry, signed: Found<Attestation>): void {
    const beside = [{ kind: 'claim', hash, claim } as const];
    this.#deps.ledger.sign('attestation', order, () => ({ object: this.attestation(hash, 'valid'), beside }), signed);
  }

  /** An attestation that is not stored. One that says `valid` has to come from `sign`. */
  attestation(receipt: string, verdict: Verdict): Attestation {
    const { identity, clock } = this.#deps;
    const validator = identity.publicKeyHex;
    return signObject('attestation', { receipt, validator, verdict, at: clock.now() }, identity);
  }

  /** According to the disk, it attested another receipt for this order before. */
  yieldTo(attested: string, { order, hash }: LedgerEntry): void {
    this.#attested.set(order, attested);
    this.#pledges.release(hash);
  }

  /** The receipt counts: its order is settled. */
  settle({ order, hash }: LedgerEntry): void {
    this.#attested.delete(order);
    this.#pledges.release(hash);
  }

  /** The receipt can no longer count. */
  drop(entry: LedgerEntry): void {
    if (this.hasAttested(entry)) this.#attested.delete(entry.order);
    this.#pledges.release(entry.hash);
  }
}
