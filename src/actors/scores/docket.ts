/**
 * The claims in flight: each runs a machine of its own (machines/receipt.machine.ts), and this is what those machines do. The number
 * in flight is bounded. Where there is no room, one goes that this node will not attest just now; what it attested or made
 * itself is on the disk, and comes back.
 *
 * Invariant: a price is pledged from the moment a claim is judged valid until it is counted or can be counted no more, through every restart.
 */
import { createActor } from 'xstate';
import { receiptMachine, type ReceiptOutput } from '../../machines/receipt.machine.js';
import type { KeyPair } from '../../protocol/keys.js';
import { signObject, type Attestation, type Claim } from '../../protocol/signed-objects.js';
import { claimLifeMs, judge } from '../../rules/attestation.js';
import type { ClaimFacts } from '../../rules/claim.js';
import { Holds } from '../../rules/holds.js';
import { paidOf } from '../../rules/ledger.js';
import { isSolo } from '../../rules/quorum.js';
import type { Verdict } from '../../rules/verdicts.js';
import type { Clock } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/log.js';
import type { Ledger } from '../ledger.js';
import { limits } from '../../protocol/limits.js';
import type { Bans } from './bans.js';
import type { Gossip } from './gossip.js';
import type { CheckedClaim, Sender } from './inbox.js';
import type { ScorePeers } from './score-peers.js';
import type { Validators } from './validators.js';
import { voteOf, Word, type Gathering, type Vote } from './word.js';

/** Claims in flight. */
export const maxGathering = 2_048;
/** Receipts found wanting for good whose hashes are remembered, so that nobody has them checked again and again. */
export const maxRejected = 10_000;

export interface DocketDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly identity: KeyPair;
  readonly ledger: Ledger;
  readonly bans: Bans;
  readonly validators: Validators;
  readonly scorePeers: ScorePeers;
  /** `client`: this node looks up. It counts what others certified, and gathers nothing. */
  readonly scoreRole: 'worker' | 'client';
}

export interface DocketEvents {
  /** It is counted now. `peer` brought it, or the last that was missing. */
  counted(peer: Sender, hash: string): void;
  /** A machine failed. */
  failed(error: unknown): void;
}

export class Docket {
  readonly #deps: DocketDeps;
  readonly #word: Word;
  readonly #on: DocketEvents;
  readonly #logic: typeof receiptMachine;
  readonly #gathering = new Map<string, Gathering>();
  /** Order → its receipt in flight; of two, the one that came first. */
  readonly #byOrder = new Map<string, string>();
  /** Order → the receipt that this node attested for it. */
  readonly #attested = new Map<string, string>();
  readonly #pledges = new Holds();
  readonly #rejected = new Set<string>();
  /** Receipts whose certificates are being written. */
  readonly #writing = new Set<string>();
  /** Something that this node attested had to make room, and is on the disk. */
  #hasLeft = false;
  #isOver = false;

  constructor(deps: DocketDeps, gossip: Gossip, on: DocketEvents) {
    this.#deps = deps;
    this.#word = new Word(gossip, deps.scorePeers, (hash) => this.#gathering.has(hash));
    this.#on = on;
    const of = (hash: string, act: (claim: Gathering) => void): void => {
      const claim = this.#gathering.get(hash);
      if (claim !== undefined) act(claim);
    };
    this.#logic = receiptMachine.provide({
      guards: { hasQuorum: ({ context }) => this.#isQuorum(context.attestedBy) },
      actions: {
        judge: ({ context }) => of(context.hash, (claim) => this.#judge(claim)),
        sign: ({ context }) => of(context.hash, (claim) => this.#sign(claim)),
        offer: ({ context }) => of(context.hash, (claim) => this.#offer(claim)),
        store: ({ context }) => of(context.hash, (claim) => this.#store(claim)),
      },
    });
  }

  /** Whether something is on the disk only, and there is room for it by now. Asked once. */
  mayRecall(): boolean {
    if (!this.#hasLeft || this.#gathering.size > maxGathering / 2) return false;
    this.#hasLeft = false;
    return true;
  }

  relation(hash: string): 'unknown' | 'gathering' | 'counted' | 'busy' {
    if (this.#writing.has(hash)) return 'busy';
    if (this.#gathering.has(hash)) return 'gathering';
    return this.#deps.ledger.counted.has(hash) ? 'counted' : 'unknown';
  }

  isRejected(hash: string): boolean {
    return this.#rejected.has(hash);
  }

  wants({ receipt, validator }: Attestation): boolean {
    const claim = this.#gathering.get(receipt);
    return claim !== undefined && !claim.votes.has(validator);
  }

  /** This node attested it before it was restarted: that holds. */
  remember({ order, receipt }: Claim, hash: string): void {
    this.#attested.set(receipt.order, hash);
    this.#pledges.hold(hash, order.client, Math.min(receipt.score, order.maxPrice));
  }

  known(peer: Sender, hash: string, isCertificate: boolean): void {
    const claim = this.#gathering.get(hash);
    if (claim === undefined || peer === undefined) return;
    claim.knownBy.add(peer);
    if (isCertificate) claim.certifiedBy.add(peer);
  }

  /** A sound claim that is not in flight. @returns whether it is from now on; otherwise it is counted, or there is no room. */
  take({ peer, hash, claim, facts, attestations, isCertificate }: CheckedClaim): boolean {
    const gathering: Gathering = {
      hash,
      claim,
      facts,
      isKept: peer === undefined,
      votes: new Map(attestations.map((attestation) => [attestation.validator, voteOf(attestation, peer)])),
      knownBy: new Set(peer === undefined ? [] : [peer]),
      certifiedBy: new Set(peer === undefined || !isCertificate ? [] : [peer]),
      isAttested: this.#attested.get(facts.entry.order) === hash,
      timesOffered: 0,
      receipt: undefined,
    };
    if (this.#isQuorum([...gathering.votes.keys()])) {
      this.#count(gathering, peer, () => {});
      return false;
    }
    if (this.#deps.scoreRole === 'client') return false;
    if (this.#gathering.size >= maxGathering && !this.#makeRoom(gathering)) return false;
    this.#start(gathering);
    return true;
  }

  /** A validator's word that was checked. */
  attest(peer: Sender, attestation: Attestation): void {
    const claim = this.#gathering.get(attestation.receipt);
    if (claim === undefined || claim.votes.has(attestation.validator)) return;
    this.#vote(claim, voteOf(attestation, peer));
    claim.receipt?.send({ type: 'receipt.attested', validators: [attestation.validator] });
  }

  /** Others appeared, or left. */
  quorumChanged(): void {
    for (const { receipt } of [...this.#gathering.values()]) receipt?.send({ type: 'quorum.changed' });
  }

  /** All that is in flight and that this node stands for, for a peer that has just come. */
  offerAll(newcomer: string): void {
    for (const claim of this.#gathering.values()) {
      if (!claim.isAttested && !claim.isKept) continue;
      this.#word.claim(claim, 'tell', newcomer);
      for (const vote of claim.votes.values()) this.#word.vote(claim, vote, 'tell', newcomer);
    }
  }

  /** Another receipt for the same order that this node attested, or has in flight. */
  rivalOf({ entry: { order, hash } }: ClaimFacts): string | undefined {
    return [this.#attested.get(order), this.#byOrder.get(order)].find((other) => other !== undefined && other !== hash);
  }

  /** Of what is in flight. */
  claim(hash: string): Claim | undefined {
    return this.#gathering.get(hash)?.claim;
  }

  close(): void {
    this.#isOver = true;
    for (const { receipt } of this.#gathering.values()) receipt?.stop();
    this.#gathering.clear();
  }

  #isQuorum(attestedBy: readonly string[]): boolean {
    const { validators, threshold } = this.#deps.validators.quorum;
    return attestedBy.filter((validator) => validators.has(validator)).length >= threshold;
  }

  #start(claim: Gathering): void {
    const { clock } = this.#deps;
    const { hash, facts, votes } = claim;
    const expiresInMs = Math.max(0, facts.entry.finishedAt + claimLifeMs - clock.now());
    const receipt = createActor(this.#logic, { clock, input: { hash, expiresInMs, attestedBy: [...votes.keys()] } });
    claim.receipt = receipt;
    this.#gathering.set(hash, claim);
    if (!this.#byOrder.has(facts.entry.order)) this.#byOrder.set(facts.entry.order, hash);
    receipt.subscribe({
      complete: () => this.#ended(claim, receipt.getSnapshot().output),
      error: (error) => this.#on.failed(error),
    });
    receipt.start();
    if (!claim.isKept) this.#word.claim(claim, 'forward');
  }

  #judge(claim: Gathering): void {
    const { clock, ledger, bans } = this.#deps;
    const { hash, facts, receipt } = claim;
    const { order, client } = facts.entry;
    const view = {
      receiptOf: (of: string) => this.#attested.get(of) ?? ledger.receiptOf(of),
      balanceOf: (account: string) => ledger.balanceOf(account),
      pledgedBy: (account: string) => this.#pledges.heldFor(account),
      isBanned: (account: string) => bans.has(account),
    };
    // What it attested it attested, whatever it would say today.
    const verdict = claim.isAttested ? 'valid' : judge(facts, view, clock.now());
    if (verdict === 'valid' && !claim.isAttested && this.#deps.validators.attests) {
      claim.isAttested = true;
      this.#attested.set(order, hash);
      this.#pledges.hold(hash, client, paidOf(facts.entry));
    }
    receipt?.send({ type: 'receipt.judged', verdict });
  }

  #sign(claim: Gathering): void {
    const { ledger, validators, identity, clock } = this.#deps;
    const { hash, facts, receipt } = claim;
    if (!validators.attests) {
      receipt?.send({ type: 'receipt.signed', validators: [] });
      return;
    }
    const make = () => ({
      object: signObject(
        'attestation',
        { receipt: hash, validator: identity.publicKeyHex, verdict: 'valid', at: clock.now() },
        identity,
      ),
      beside: [{ kind: 'claim', hash, claim: claim.claim } as const],
    });
    ledger.sign('attestation', facts.entry.order, make, (error, attestation) => {
      if (this.#isOver || this.#gathering.get(hash) !== claim) return;
      if (error !== undefined || attestation === undefined)
        return this.#deps.log.warn('attestation.not_stored', { receipt: hash, error });
      if (attestation.receipt !== hash) {
        this.#attested.set(facts.entry.order, attestation.receipt);
        this.#pledges.release(hash);
        receipt?.send({ type: 'receipt.judged', verdict: 'double_receipt' });
        return;
      }
      this.#vote(claim, voteOf(attestation, undefined), true);
      receipt?.send({ type: 'receipt.signed', validators: [attestation.validator] });
    });
  }

  /** At first only this node's own claim; others' are passed on. Later all that gathered for it, of others only its own word. */
  #offer(claim: Gathering): void {
    const isFirst = claim.timesOffered++ === 0;
    if (isFirst && !claim.isKept) return;
    this.#word.claim(claim, 'tell');
    if (isFirst) return;
    const own = this.#deps.identity.publicKeyHex;
    for (const [validator, vote] of claim.votes)
      if (claim.isKept || validator === own) this.#word.vote(claim, vote, 'tell');
  }

  #vote(claim: Gathering, vote: Vote, isOwn = false): void {
    claim.votes.set(vote.attestation.validator, vote);
    this.#word.vote(claim, vote, isOwn ? 'tell' : 'forward');
  }

  #store(claim: Gathering): void {
    this.#count(claim, undefined, (error) => {
      if (error !== undefined) this.#deps.log.warn('certificate.not_stored', { receipt: claim.hash, error });
      claim.receipt?.send({ type: error === undefined ? 'receipt.stored' : 'receipt.notStored' });
    });
  }

  /** On the disk first. */
  #count(claim: Gathering, peer: Sender, done: (error: Error | undefined) => void): void {
    const { ledger, validators } = this.#deps;
    const { hash, claim: claimed, votes } = claim;
    const { quorum } = validators;
    const attestations = [...votes.values()]
      .map(({ attestation }) => attestation)
      .filter(({ validator }) => quorum.validators.has(validator))
      .slice(0, limits.maxAttestations);
    const isDirect = !this.#gathering.has(hash);
    if (isDirect) this.#writing.add(hash);
    ledger.count({ ...claimed, attestations, isSolo: isSolo(quorum) }, (error) => {
      this.#writing.delete(hash);
      if (this.#isOver) return;
      if (error === undefined) {
        this.#attested.delete(claim.facts.entry.order);
        this.#pledges.release(hash);
        this.#word.certificate(claim, attestations);
        this.#on.counted(peer, hash);
      }
      done(error);
    });
  }

  #ended(claim: Gathering, output: ReceiptOutput | undefined): void {
    const { hash, facts, isKept, isAttested } = claim;
    this.#forget(claim);
    if (this.#isOver || output === undefined || output.end === 'certified') return;
    if (facts.entry.worker === this.#deps.identity.publicKeyHex)
      this.#deps.log.warn('claim.lost', { receipt: hash, ...output });
    if (this.#attested.get(facts.entry.order) === hash) this.#attested.delete(facts.entry.order);
    this.#pledges.release(hash);
    if (isKept || isAttested) this.#deps.ledger.write([{ kind: 'claim.closed', hash }], () => {});
    if (output.end === 'rejected') this.#reject(claim, output.verdict ?? 'valid');
  }

  #forget({ hash, facts: { entry } }: Gathering): void {
    this.#gathering.delete(hash);
    if (this.#byOrder.get(entry.order) === hash) this.#byOrder.delete(entry.order);
  }

  #reject({ hash, facts }: Gathering, verdict: Verdict): void {
    if (this.#rejected.size >= maxRejected) this.#rejected.clear();
    this.#rejected.add(hash);
    this.answer(facts.entry.worker, hash, verdict);
  }

  /** Tells the worker that this node does not attest it, and why. */
  answer(worker: string, receipt: string, verdict: Verdict): void {
    const { identity, clock, validators } = this.#deps;
    if (!validators.attests) return;
    const validator = identity.publicKeyHex;
    this.#word.answer(worker, signObject('attestation', { receipt, validator, verdict, at: clock.now() }, identity));
  }

  /** Of those that this node will not attest just now, the first goes; for its own claim any that is on the disk does. */
  #makeRoom(newcomer: Gathering): boolean {
    const all = [...this.#gathering.values()];
    const leaves =
      all.find(({ isAttested, isKept }) => !isAttested && !isKept) ??
      (newcomer.isKept ? all.find(({ isKept }) => !isKept) : undefined);
    if (leaves === undefined) return false;
    this.#hasLeft ||= leaves.isAttested;
    this.#forget(leaves);
    leaves.receipt?.stop();
    return true;
  }
}
