/**
 * What peers say of receipts, on its way to be believed: messages wait in the order they came, what is known already is left out,
 * and the rest is checked batch by batch. A peer has its own share of the room here, so that one that says much delays itself.
 */
import { limits } from '../../protocol/limits.js';
import { protocolVersion } from '../../protocol/messages.js';
import type { ScoreUpdateMessage, ScoreVerifyMessage } from '../../protocol/score-messages.js';
import { objectHash, type Attestation, type Claim, type Evidence } from '../../protocol/signed-objects.js';
import type { ClaimFacts, Examination } from '../../rules/claim.js';
import { pureClaim, type Ban } from '../../rules/evidence.js';
import type { Quorum } from '../../rules/quorum.js';
import type { Fault } from '../../rules/verdicts.js';
import { signaturesIn, type CheckFindings, type ScoreChecks } from './checks.js';
import { Orphans, type Said } from './orphans.js';

/**
 * Signatures that wait to be checked: of one peer, and of all, some 30 MB of objects. More are dropped; they are offered again, or
 * found by anti-entropy.
 */
export const maxWaitingOfPeer = 16 * limits.maxScoreItems;
export const maxWaiting = 128 * limits.maxScoreItems;

/** Undefined for what this node says to itself. */
export type Sender = string | undefined;

export interface CheckedClaim {
  readonly peer: Sender;
  readonly hash: string;
  readonly claim: Claim;
  readonly facts: ClaimFacts;
  /** Of the quorum's validators, each genuine. */
  readonly attestations: readonly Attestation[];
  readonly isCertificate: boolean;
}

export interface InboxEvents {
  /** `busy`: it is being written just now. */
  readonly relation: (hash: string) => 'unknown' | 'gathering' | 'counted' | 'busy';
  /** This node has found it wanting for good, and looks at it again only where a quorum may think otherwise. */
  readonly isRejected: (hash: string) => boolean;
  readonly quorum: () => Quorum;
  /** Whether this validator's word on a receipt that is gathering, or counted, is news: how many like it are missing. */
  readonly wants: (attestation: Attestation) => number;
  /** The peer said this, checked or not, of such a receipt. */
  shown(peer: Sender, attestation: Attestation): void;
  /** The peer has this receipt; `isCertificate`: certified, too. */
  known(peer: Sender, hash: string, isCertificate: boolean): void;
  /** The peer still puts forward, uncertified, what is counted here. */
  askedAgain(peer: string, order: string, hash: string): void;
  claim(checked: CheckedClaim): void;
  unsound(peer: Sender, claim: Claim, hash: string, fault: Fault): void;
  attestation(peer: Sender, attestation: Attestation): unknown;
  evidence(peer: Sender, evidence: Evidence, ban: Ban): void;
  /** The peer sent what no honest node sends. */
  fault(peer: Sender): void;
}

type Message = ScoreUpdateMessage | ScoreVerifyMessage;

interface Waiting {
  readonly peer: Sender;
  readonly message: Message;
  readonly weight: number;
}

/** Work on one item; numbers are places in the batch. */
type Work =
  | (Omit<CheckedClaim, 'facts' | 'attestations'> & {
      readonly kind: 'claim';
      readonly at: number;
      readonly attested: readonly number[];
    })
  | { readonly kind: 'attestation'; readonly peer: Sender; readonly at: number }
  | { readonly kind: 'evidence'; readonly peer: Sender; readonly at: number };

interface Batch {
  readonly claims: Claim[];
  readonly attestations: Attestation[];
  readonly evidence: Evidence[];
  readonly work: Work[];
  /** Receipt → how many attestations of it are checked; and those that are not needed if these are genuine. */
  readonly taken: Map<string, number>;
  readonly spare: Said[];
}

export class Inbox {
  readonly #checks: ScoreChecks;
  readonly #on: InboxEvents;
  readonly #soon: (fn: () => void) => void;
  #waiting: Waiting[] = [];
  #waitingItems = 0;
  readonly #waitingOf = new Map<Sender, number>();
  /** Claims of the batch that is being checked. */
  readonly #checking = new Set<string>();
  readonly #orphans = new Orphans();
  #isBusy = true;

  /** @param soon runs something after what is at hand. Nothing is checked before `start`. */
  constructor(checks: ScoreChecks, on: InboxEvents, soon: (fn: () => void) => void) {
    this.#checks = checks;
    this.#on = on;
    this.#soon = soon;
  }

  start(): void {
    this.#isBusy = false;
    this.#next();
  }

  hear(peer: Sender, message: Message): void {
    const weight = weightOf(message);
    const ofPeer = this.#waitingOf.get(peer) ?? 0;
    const isFull = ofPeer + weight > maxWaitingOfPeer || this.#waitingItems + weight > maxWaiting;
    if (peer !== undefined && ofPeer > 0 && isFull) return;
    this.#waiting.push({ peer, message, weight });
    this.#note(peer, weight);
    this.#next();
  }

  /** Something waits to be checked. */
  get isBusy(): boolean {
    return this.#isBusy || this.#waiting.length > 0;
  }

  /** It is gathering now: what waited for it is looked at. */
  adopt(hash: string): void {
    for (const each of this.#orphans.adopt(hash)) this.#hearAgain(each);
  }

  #hearAgain({ peer, attestation }: Said): void {
    this.hear(peer, { v: protocolVersion, type: 'score_verify', attestations: [attestation] });
  }

  #note(peer: Sender, weight: number): void {
    const left = (this.#waitingOf.get(peer) ?? 0) + weight;
    this.#waitingItems += weight;
    if (left > 0) this.#waitingOf.set(peer, left);
    else this.#waitingOf.delete(peer);
  }

  #next(): void {
    if (this.#isBusy || this.#waiting.length === 0) return;
    this.#isBusy = true;
    const batch: Batch = { claims: [], attestations: [], evidence: [], work: [], taken: new Map(), spare: [] };
    let weight = 0;
    while (this.#waiting.length > 0 && weight < limits.maxScoreItems) {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) break;
      weight += waiting.weight;
      this.#note(waiting.peer, -waiting.weight);
      this.#sort(waiting, batch);
    }
    this.#checks.check(batch, (found) => {
      this.#checking.clear();
      for (const work of batch.work) this.#apply(work, batch, found);
      for (const each of batch.spare) if (this.#on.wants(each.attestation) > 0) this.#hearAgain(each);
      this.#soon(() => {
        this.#isBusy = false;
        this.#next();
      });
    });
  }

  #sort({ peer, message }: Waiting, batch: Batch): void {
    if (message.type === 'score_update') {
      for (const claim of message.receipts) this.#sortClaim(peer, claim, [], false, batch);
      for (const { attestations, ...claim } of message.certificates)
        this.#sortClaim(peer, claim, attestations, true, batch);
      return;
    }
    for (const attestation of message.attestations) this.#sortAttestation(peer, attestation, batch);
    for (const evidence of message.evidence ?? [])
      batch.work.push({ kind: 'evidence', peer, at: batch.evidence.push(evidence) - 1 });
  }

  #sortClaim(
    peer: Sender,
    claim: Claim,
    attestations: readonly Attestation[],
    isCertificate: boolean,
    batch: Batch,
  ): void {
    const hash = objectHash('receipt', claim.receipt);
    const relation = this.#checking.has(hash) ? 'busy' : this.#on.relation(hash);
    if (relation !== 'unknown') {
      this.#on.known(peer, hash, isCertificate);
      if (relation === 'counted' && !isCertificate && peer !== undefined)
        this.#on.askedAgain(peer, claim.receipt.order, hash);
      for (const attestation of attestations) this.#sortAttestation(peer, attestation, batch);
      return;
    }
    const relevant = relevantTo(hash, attestations, this.#on.quorum());
    if (this.#on.isRejected(hash) && relevant.length < this.#on.quorum().threshold) return;
    this.#checking.add(hash);
    const attested = relevant.map((attestation) => batch.attestations.push(attestation) - 1);
    const at = batch.claims.push(pureClaim(claim)) - 1;
    batch.work.push({ kind: 'claim', peer, hash, claim: pureClaim(claim), isCertificate, at, attested });
  }

  #sortAttestation(peer: Sender, attestation: Attestation, batch: Batch): void {
    const { receipt, validator, verdict } = attestation;
    if (verdict !== 'valid' || !this.#on.quorum().validators.has(validator)) return;
    const relation = this.#checking.has(receipt) ? 'busy' : this.#on.relation(receipt);
    if (relation === 'unknown' || relation === 'busy') return this.#orphans.keep({ peer, attestation });
    this.#on.shown(peer, attestation);
    const wanted = this.#on.wants(attestation);
    if (wanted === 0) return;
    const taken = batch.taken.get(receipt) ?? 0;
    if (taken >= wanted) return void batch.spare.push({ peer, attestation });
    batch.taken.set(receipt, taken + 1);
    batch.work.push({ kind: 'attestation', peer, at: batch.attestations.push(attestation) - 1 });
  }

  #apply(work: Work, batch: Batch, found: CheckFindings): void {
    const { peer } = work;
    if (work.kind === 'evidence') {
      const evidence = batch.evidence[work.at];
      const ban = found.evidence[work.at];
      if (evidence !== undefined && ban !== undefined) this.#on.evidence(peer, evidence, ban);
      else this.#on.fault(peer);
    } else if (work.kind === 'attestation') {
      const attestation = batch.attestations[work.at];
      if (attestation !== undefined && found.attestations[work.at] === true) this.#on.attestation(peer, attestation);
      else this.#on.fault(peer);
    } else this.#applyClaim(work, batch, found.claims[work.at], found.attestations);
  }

  #applyClaim(
    { peer, hash, claim, isCertificate, attested }: Extract<Work, { kind: 'claim' }>,
    batch: Batch,
    examination: Examination | undefined,
    genuine: readonly boolean[],
  ): void {
    if (examination?.kind !== 'sound') {
      if (examination !== undefined) this.#on.unsound(peer, claim, hash, examination.fault);
      return;
    }
    const attestations = attested.flatMap((at) => (genuine[at] === true ? (batch.attestations[at] ?? []) : []));
    if (attestations.length < attested.length) this.#on.fault(peer);
    this.#on.claim({ peer, hash, claim, facts: examination.facts, attestations, isCertificate });
  }
}

/** Of those that may count, one for each validator, and no more than it takes. */
function relevantTo(
  hash: string,
  attestations: readonly Attestation[],
  { validators, threshold }: Quorum,
): Attestation[] {
  const found = new Map<string, Attestation>();
  for (const attestation of attestations) {
    const { receipt, validator, verdict } = attestation;
    if (found.size >= threshold) break;
    if (verdict === 'valid' && receipt === hash && validators.has(validator)) found.set(validator, attestation);
  }
  return [...found.values()];
}

/** How many signatures it may take to check it. */
function weightOf(message: Message): number {
  if (message.type === 'score_verify')
    return signaturesIn({ attestations: message.attestations.length, evidence: message.evidence?.length ?? 0 });
  const attestations = message.certificates.reduce((sum, each) => sum + each.attestations.length, 0);
  return signaturesIn({ claims: message.receipts.length + message.certificates.length, attestations });
}
