/**
 * The claims that gather attestations, and the last of those that are through with it, for it is still noted who shows that he has them,
 * too: those need not be told. Each list is bounded.
 */
import type { LedgerEntry } from '../../rules/ledger.js';
import type { Sender } from './inbox.js';
import type { Gathering } from './word.js';

/** Claims in flight. */
export const maxGathering = 2_048;
const maxSettled = 2_048;
/** Receipts found wanting for good whose hashes are remembered, so that nobody has them checked again and again. */
export const maxRejected = 10_000;

export class InFlight {
  readonly #gathering = new Map<string, Gathering>();
  readonly #settled = new Map<string, Gathering>();
  /** Order → its receipt in flight; of two, the one that came first. */
  readonly #byOrder = new Map<string, string>();
  readonly #rejected = new Set<string>();

  get size(): number {
    return this.#gathering.size;
  }

  has(hash: string): boolean {
    return this.#gathering.has(hash);
  }

  get(hash: string): Gathering | undefined {
    return this.#gathering.get(hash);
  }

  all(): Iterable<Gathering> {
    return this.#gathering.values();
  }

  receiptOf(order: string): string | undefined {
    return this.#byOrder.get(order);
  }

  /** There is room for it. */
  add(claim: Gathering): void {
    const { hash, facts } = claim;
    this.#gathering.set(hash, claim);
    if (!this.#byOrder.has(facts.entry.order)) this.#byOrder.set(facts.entry.order, hash);
  }

  /**
   * Who goes where there is no room: the first that this node will not attest just now; for its own claim any that is on the disk.
   */
  leaving(newcomer: Gathering): Gathering | undefined {
    let onDisk: Gathering | undefined;
    for (const claim of this.#gathering.values()) {
      if (claim.isKept) continue;
      if (!claim.isAttested) return claim;
      onDisk ??= claim;
    }
    return newcomer.isKept ? onDisk : undefined;
  }

  remove({ hash, order }: LedgerEntry): void {
    this.#gathering.delete(hash);
    if (this.#byOrder.get(order) === hash) this.#byOrder.delete(order);
  }

  /** It is counted. */
  settle(claim: Gathering): void {
    this.#settled.set(claim.hash, claim);
    const [oldest] = this.#settled.size > maxSettled ? this.#settled.keys() : [];
    if (oldest !== undefined) this.#settled.delete(oldest);
  }

  reject(hash: string): void {
    if (this.#rejected.size >= maxRejected) this.#rejected.clear();
    this.#rejected.add(hash);
  }

  isRejected(hash: string): boolean {
    return this.#rejected.has(hash);
  }

  /** This peer has the claim; `isCertificate`: certified, too. */
  known(peer: Sender, hash: string, isCertificate: boolean): void {
    const claim = this.#gathering.get(hash) ?? this.#settled.get(hash);
    if (claim === undefined || peer === undefined) return;
    claim.knownBy.add(peer);
    if (isCertificate) claim.certifiedBy.add(peer);
  }

  /** This validator attests it, and so has what it takes to count it. */
  attestedBy(hash: string, node: string): void {
    (this.#gathering.get(hash) ?? this.#settled.get(hash))?.attestedBy.add(node);
  }
}
