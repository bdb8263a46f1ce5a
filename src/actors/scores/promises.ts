/**
 * What this node itself says of claims. What it attested and is not certified yet is promised: it attests no other receipt of that order,
 * and the price is spoken for.
 *
 * Invariant: a price is pledged from the moment a claim is judged valid until it is counted or can be counted no more, through every restart.
 */
import type { KeyPair } from '../../protocol/keys.js';
import { signObject, type Attestation, type Claim, type Order, type Receipt } from '../../protocol/signed-objects.js';
import { judge } from '../../rules/attestation.js';
import type { ClaimFacts } from '../../rules/claim.js';
import { Holds } from '../../rules/holds.js';
import { paidOf, type LedgerEntry } from '../../rules/ledger.js';
import type { Verdict } from '../../rules/verdicts.js';
import type { Clock } from '../../runtime/clock.js';
import type { Ledger } from './ledger.js';
import type { Found } from './score-store.js';
import type { Bans } from './bans.js';

export interface PromisesDeps {
  readonly clock: Clock;
  readonly identity: KeyPair;
  readonly ledger: Ledger;
  readonly bans: Bans;
}

export class Promises {
  readonly #deps: PromisesDeps;
  /** Order → the receipt that this node attested for it. */
  readonly #receipts = new Map<string, string>();
  readonly #pledges = new Holds();

  constructor(deps: PromisesDeps) {
    this.#deps = deps;
  }

  receiptOf(order: string): string | undefined {
    return this.#receipts.get(order);
  }

  has({ order, hash }: LedgerEntry): boolean {
    return this.#receipts.get(order) === hash;
  }

  /** What this node says of a claim now. What it attested it attested, whatever it would say today. */
  judge(facts: ClaimFacts): Verdict {
    const { clock, ledger, bans } = this.#deps;
    if (this.has(facts.entry)) return 'valid';
    const view = {
      receiptOf: (order: string) => this.#receipts.get(order) ?? ledger.receiptOf(order),
      balanceOf: (account: string) => ledger.balanceOf(account),
      pledgedBy: (account: string) => this.#pledges.heldFor(account),
      isBanned: (account: string) => bans.has(account),
    };
    return judge(facts, view, clock.now());
  }

  give(entry: LedgerEntry): void {
    this.#receipts.set(entry.order, entry.hash);
    this.#pledges.hold(entry.hash, entry.client, paidOf(entry));
  }

  /** Signs what was judged valid, with the claim beside it on the disk; or finds what was signed before for this order. */
  sign(claim: Claim, { hash, order }: LedgerEntry, signed: Found<Attestation>): void {
    const beside = [{ kind: 'claim', hash, claim } as const];
    this.#deps.ledger.sign('attestation', order, () => ({ object: this.word(hash, 'valid'), beside }), signed);
  }

  /** This node's word on a receipt. One that says `valid` is for `sign` to make. */
  word(receipt: string, verdict: Verdict): Attestation {
    const { identity, clock } = this.#deps;
    const validator = identity.publicKeyHex;
    return signObject('attestation', { receipt, validator, verdict, at: clock.now() }, identity);
  }

  /** It was given before this node was restarted: that holds. */
  remember(hash: string, order: Order, receipt: Receipt): void {
    this.#receipts.set(receipt.order, hash);
    this.#pledges.hold(hash, order.client, Math.min(receipt.score, order.maxPrice));
  }

  /** The disk holds an older one, for another receipt of this order. */
  yield({ order, hash }: LedgerEntry, attested: string): void {
    this.#receipts.set(order, attested);
    this.#pledges.release(hash);
  }

  /** The order is settled: it counts. */
  keep({ order, hash }: LedgerEntry): void {
    this.#receipts.delete(order);
    this.#pledges.release(hash);
  }

  /** It can be counted no more. */
  drop(entry: LedgerEntry): void {
    if (this.has(entry)) this.#receipts.delete(entry.order);
    this.#pledges.release(entry.hash);
  }
}
