/**
 * The claims that are gathering attestations: what was gathered for each, and who is known to have it. Bounded: where there is no room, the
 * first claim that this node will not attest right now is evicted.
 *
 * Two more bounded lists go with it. Claims certified recently are still tracked, because peers keep showing that they have them and then need
 * not be told. Receipts that were rejected for good are remembered by hash, so that nobody can have them checked again and again.
 */
import type { ClaimContext } from '../../machines/claim.machine.js';
import type { Attestation, Claim } from '../../protocol/signed-objects.js';
import type { ClaimFacts } from '../../rules/claim.js';
import type { LedgerEntry } from '../../rules/ledger.js';
import type { Verdict } from '../../rules/verdicts.js';
import { BoundedMap } from '../../runtime/bounded-map.js';
import type { ChartRun } from '../../runtime/chart-table.js';
import type { Source } from './intake.js';

export const maxPending = 2_048;
const maxRecent = 2_048;
export const maxRejected = 10_000;

export interface TrackedAttestation {
  readonly attestation: Attestation;
  /** Peers known to have it. */
  readonly holders: Set<string>;
}

export interface PendingClaim extends ClaimContext {
  /** Of the receipt. */
  readonly hash: string;
  readonly claim: Claim;
  readonly facts: ClaimFacts;
  /** On disk already: this node made it, or attested it before a restart. */
  readonly isStored: boolean;
  /** Verified, by validator. */
  readonly attestations: Map<string, TrackedAttestation>;
  /** Peers known to have the claim, and those known to have its certificate. */
  readonly holders: Set<string>;
  readonly certificateHolders: Set<string>;
  /** Nodes known to attest it: their attestation was verified, or they sent it over their own connection. */
  readonly attesters: Set<string>;
  /** Attested by this node, on disk or about to be. */
  isAttested: boolean;
  /** This node's latest. */
  verdict: Verdict | undefined;
  timesJudged: number;
  timesAnnounced: number;
  run: ChartRun<PendingClaim> | undefined;
}

export class PendingClaims {
  readonly #pending = new Map<string, PendingClaim>();
  /** Certified recently, the earliest first. */
  readonly #recent = new BoundedMap<string, PendingClaim>(maxRecent);
  /** Order → its pending receipt; of two, the one that came first. */
  readonly #byOrder = new Map<string, string>();
  readonly #rejected = new Set<string>();

  get size(): number {
    return this.#pending.size;
  }

  get isFull(): boolean {
    return this.#pending.size >= maxPending;
  }

  has(hash: string): boolean {
    return this.#pending.has(hash);
  }

  get(hash: string): PendingClaim | undefined {
    return this.#pending.get(hash);
  }

  all(): Iterable<PendingClaim> {
    return this.#pending.values();
  }

  receiptOf(order: string): string | undefined {
    return this.#byOrder.get(order);
  }

  /** There must be room for it. */
  add(claim: PendingClaim): void {
    const { hash, facts } = claim;
    this.#pending.set(hash, claim);
    if (!this.#byOrder.has(facts.entry.order)) this.#byOrder.set(facts.entry.order, hash);
  }

  /** Which claim to evict for this one: the first that this node has not attested; for its own claim, any that it can reload from disk. */
  evictionFor(newcomer: PendingClaim): PendingClaim | undefined {
    let reloadable: PendingClaim | undefined;
    for (const claim of this.#pending.values()) {
      if (claim.isStored) continue;
      if (!claim.isAttested) return claim;
      reloadable ??= claim;
    }
    return newcomer.isStored ? reloadable : undefined;
  }

  remove({ hash, order }: LedgerEntry): void {
    this.#pending.delete(hash);
    if (this.#byOrder.get(order) === hash) this.#byOrder.delete(order);
  }

  /** It is certified: keeps track of who has it for a while. */
  track(claim: PendingClaim): void {
    this.#recent.set(claim.hash, claim);
  }

  reject(hash: string): void {
    if (this.#rejected.size >= maxRejected) this.#rejected.clear();
    this.#rejected.add(hash);
  }

  isRejected(hash: string): boolean {
    return this.#rejected.has(hash);
  }

  /** This peer has the claim, or its certificate. */
  noteHolder(source: Source, hash: string, isCertificate: boolean): void {
    const claim = this.#tracked(hash);
    if (claim === undefined || source === undefined) return;
    claim.holders.add(source);
    if (isCertificate) claim.certificateHolders.add(source);
  }

  /** This node attests it, so it has all that it takes to count it. */
  noteAttester(node: string, hash: string): void {
    this.#tracked(hash)?.attesters.add(node);
  }

  #tracked(hash: string): PendingClaim | undefined {
    return this.#pending.get(hash) ?? this.#recent.get(hash);
  }
}
