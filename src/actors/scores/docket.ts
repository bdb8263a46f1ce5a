/**
 * The claims in flight: each goes through the receipt's chart (machines/receipt.machine.ts), and this is what is done on the way. The number
 * in flight is bounded. Where there is no room, one goes that this node will not attest just now; what it attested or made
 * itself is on the disk, and comes back.
 */
import type { AnyEventObject } from 'xstate';
import { receiptMachine, type ReceiptEnd } from '../../machines/receipt.machine.js';
import type { KeyPair } from '../../protocol/keys.js';
import { limits } from '../../protocol/limits.js';
import type { Attestation, Claim } from '../../protocol/signed-objects.js';
import { claimLifeMs } from '../../rules/attestation.js';
import type { ClaimFacts } from '../../rules/claim.js';
import { isSolo } from '../../rules/quorum.js';
import { verdictRules, type Fault } from '../../rules/verdicts.js';
import { chartTable, ChartRun, type ChartHost } from '../../runtime/chart-table.js';
import type { Clock } from '../../runtime/clock.js';
import type { GuardedScope } from '../../runtime/guarded-callback.js';
import type { Logger } from '../../runtime/log.js';
import type { Ledger } from './ledger.js';
import type { Bans } from './bans.js';
import type { Gossip } from './gossip.js';
import { InFlight, maxGathering } from './in-flight.js';
import type { CheckedClaim, Sender } from './inbox.js';
import { Promises } from './promises.js';
import type { ScorePeers } from './score-peers.js';
import type { Validators } from './validators.js';
import { voteOf, Word, type Gathering, type Vote } from './word.js';

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

export interface DocketEvents extends Pick<GuardedScope<undefined, AnyEventObject>, 'after' | 'guard'> {
  /** It is counted now. `peer` brought it, or the last that was missing. */
  counted(peer: Sender, hash: string): void;
  /** What was heard waits to be read: what is missing may be among it. */
  isBehind(): boolean;
}

const chart = chartTable(receiptMachine);

export class Docket {
  readonly #deps: DocketDeps;
  readonly #word: Word;
  readonly #on: DocketEvents;
  readonly #host: ChartHost<Gathering>;
  readonly #inFlight = new InFlight();
  readonly #promises: Promises;
  /** Receipts whose certificates are being written. */
  readonly #writing = new Set<string>();
  /** Something that this node attested or made had to make room, or found none, and is on the disk. */
  #hasLeft = false;

  constructor(deps: DocketDeps, gossip: Gossip, on: DocketEvents) {
    this.#deps = deps;
    this.#promises = new Promises(deps);
    this.#word = new Word(gossip, deps.scorePeers, (hash) => this.#inFlight.has(hash));
    this.#on = on;
    this.#host = {
      after: on.after,
      effects: {
        judge: (claim) => this.#judge(claim),
        sign: (claim) => this.#sign(claim),
        offer: (claim) => this.#offer(claim),
        store: (claim) => this.#store(claim),
      },
      ended: (claim, end) => this.#ended(claim, end as ReceiptEnd),
    };
  }

  /** Whether something is on the disk only, and there is room for it by now. Asked once. */
  mayRecall(): boolean {
    if (!this.#hasLeft || this.#inFlight.size > maxGathering / 2) return false;
    this.#hasLeft = false;
    return true;
  }

  relation(hash: string): 'unknown' | 'gathering' | 'counted' | 'busy' {
    if (this.#writing.has(hash)) return 'busy';
    if (this.#inFlight.has(hash)) return 'gathering';
    return this.#deps.ledger.counted.has(hash) ? 'counted' : 'unknown';
  }

  isRejected(hash: string): boolean {
    return this.#inFlight.isRejected(hash);
  }

  /** How many more attestations this claim takes, this one being news; 0 where it is none. */
  wants({ receipt, validator }: Attestation): number {
    const claim = this.#inFlight.get(receipt);
    if (claim === undefined || claim.votes.has(validator)) return 0;
    return this.#deps.validators.missing(claim.votes.keys());
  }

  /** This node attested it before it was restarted. */
  remember({ order, receipt }: Claim, hash: string): void {
    this.#promises.remember(hash, order, receipt);
  }

  /** This peer has it; `isCertificate`: certified, too. */
  known(peer: Sender, hash: string, isCertificate: boolean): void {
    this.#inFlight.known(peer, hash, isCertificate);
  }

  /** A word on a claim in flight, or on one that is counted, checked or not: who says himself that he attests it need not be told. */
  shown(peer: Sender, { receipt, validator }: Attestation): void {
    if (peer !== undefined && this.#deps.scorePeers.node(peer) === validator)
      this.#inFlight.attestedBy(receipt, validator);
  }

  /** A sound claim that is not in flight. @returns whether it is from now on; otherwise it is counted, or there is no room. */
  take({ peer, hash, claim, facts, attestations, isCertificate }: CheckedClaim): boolean {
    const gathering: Gathering = {
      hash,
      claim,
      facts,
      isKept: peer === undefined,
      expiresInMs: Math.max(0, facts.entry.finishedAt + claimLifeMs - this.#deps.clock.now()),
      votes: new Map(attestations.map((attestation) => [attestation.validator, voteOf(attestation, peer)])),
      knownBy: new Set(peer === undefined ? [] : [peer]),
      certifiedBy: new Set(peer === undefined || !isCertificate ? [] : [peer]),
      attestedBy: new Set(attestations.map(({ validator }) => validator)),
      isAttested: this.#promises.has(facts.entry),
      verdict: undefined,
      timesJudged: 0,
      timesOffered: 0,
      run: undefined,
    };
    if (this.#deps.validators.missing(gathering.votes.keys()) === 0) {
      this.#count(gathering, peer, () => {});
      return false;
    }
    if (this.#deps.scoreRole === 'client') return false;
    if (this.#inFlight.size >= maxGathering && !this.#makeRoom(gathering)) return false;
    this.#start(gathering);
    return true;
  }

  /** A validator's word that was checked. */
  attest(peer: Sender, attestation: Attestation): void {
    const claim = this.#inFlight.get(attestation.receipt);
    if (claim === undefined || claim.votes.has(attestation.validator)) return;
    const vote = voteOf(attestation, peer);
    this.#word.vote(claim, vote, 'forward');
    this.#vote(claim, vote);
  }

  /** Others appeared, or left. */
  quorumChanged(): void {
    for (const claim of [...this.#inFlight.all()]) this.#look(claim);
  }

  /** All that is in flight and that this node stands for, for a peer that has just come. */
  offerAll(newcomer: string): void {
    for (const claim of this.#inFlight.all()) {
      if (!claim.isAttested && !claim.isKept) continue;
      this.#word.claim(claim, 'tell', newcomer);
      for (const vote of claim.votes.values()) this.#word.vote(claim, vote, 'tell', newcomer);
    }
  }

  /** Another receipt for the same order that this node attested, or has in flight. */
  rivalOf({ entry: { order, hash } }: ClaimFacts): string | undefined {
    const others = [this.#promises.receiptOf(order), this.#inFlight.receiptOf(order)];
    return others.find((other) => other !== undefined && other !== hash);
  }

  /** Of what is in flight. */
  claim(hash: string): Claim | undefined {
    return this.#inFlight.get(hash)?.claim;
  }

  /** Tells the worker, and the peers that brought it, that this node does not attest it, and why. */
  answer(worker: string, askedBy: ReadonlySet<string>, receipt: string, why: Fault): void {
    if (this.#deps.validators.attests) this.#word.answer(worker, askedBy, this.#promises.word(receipt, why));
  }

  #start(claim: Gathering): void {
    this.#inFlight.add(claim);
    if (!claim.isKept) this.#word.claim(claim, 'forward');
    claim.run = new ChartRun(chart, this.#host, claim);
    claim.run.start();
  }

  #look(claim: Gathering): void {
    if (this.#deps.validators.missing(claim.votes.keys()) === 0) claim.run?.send('quorum.reached');
  }

  #vote(claim: Gathering, vote: Vote): void {
    claim.votes.set(vote.attestation.validator, vote);
    claim.attestedBy.add(vote.attestation.validator);
    this.#look(claim);
  }

  #judge(claim: Gathering): void {
    claim.timesJudged++;
    const before = claim.verdict;
    const verdict = (claim.verdict = this.#promises.judge(claim.facts));
    if (verdict === 'valid') {
      if (!claim.isAttested && this.#deps.validators.attests) {
        claim.isAttested = true;
        this.#promises.give(claim.facts.entry);
      }
      claim.run?.send('receipt.accepted');
    } else {
      if (verdict !== before) this.answer(claim.facts.entry.worker, claim.knownBy, claim.hash, verdict);
      claim.run?.send(verdictRules[verdict].isFinal ? 'receipt.refused' : 'receipt.doubted');
    }
  }

  #sign(claim: Gathering): void {
    const { hash, facts } = claim;
    if (!this.#deps.validators.attests) return claim.run?.send('receipt.signed');
    const signed = (error: Error | undefined, attestation: Attestation | undefined): void => {
      if (this.#inFlight.get(hash) !== claim) return;
      if (error !== undefined || attestation === undefined)
        return this.#deps.log.warn('attestation.not_stored', { receipt: hash, error });
      if (attestation.receipt !== hash) {
        this.#promises.yield(facts.entry, attestation.receipt);
        claim.verdict = 'double_receipt';
        this.answer(facts.entry.worker, claim.knownBy, hash, claim.verdict);
        return claim.run?.send('receipt.refused');
      }
      const vote = voteOf(attestation, undefined);
      this.#word.vote(claim, vote, 'tell');
      claim.run?.send('receipt.signed');
      this.#vote(claim, vote);
    };
    this.#promises.sign(claim.claim, facts.entry, this.#on.guard(signed));
  }

  /** At first only this node's own claim; others' are passed on. Later all that gathered for it, of others only its own word. */
  #offer(claim: Gathering): void {
    const isFirst = claim.timesOffered === 0;
    if (!isFirst && this.#on.isBehind()) return;
    claim.timesOffered++;
    if (isFirst && !claim.isKept) return;
    this.#word.claim(claim, 'tell');
    if (isFirst) return;
    const own = this.#deps.identity.publicKeyHex;
    for (const [validator, vote] of claim.votes)
      if (claim.isKept || validator === own) this.#word.vote(claim, vote, 'tell');
  }

  #store(claim: Gathering): void {
    this.#count(claim, undefined, (error) => {
      if (error !== undefined) this.#deps.log.warn('certificate.not_stored', { receipt: claim.hash, error });
      claim.run?.send(error === undefined ? 'receipt.stored' : 'receipt.notStored');
    });
  }

  /** On the disk first. */
  #count(claim: Gathering, peer: Sender, done: (error: Error | undefined) => void): void {
    const { ledger, validators } = this.#deps;
    const { hash, claim: claimed, facts, votes } = claim;
    const { quorum } = validators;
    const attestations = [...votes.values()]
      .map(({ attestation }) => attestation)
      .filter(({ validator }) => quorum.validators.has(validator))
      .slice(0, limits.maxAttestations);
    const isDirect = !this.#inFlight.has(hash);
    if (isDirect) this.#writing.add(hash);
    const counted = (error: Error | undefined): void => {
      this.#writing.delete(hash);
      if (error === undefined) {
        this.#promises.keep(facts.entry);
        this.#inFlight.settle(claim);
        this.#word.certificate(claim, attestations);
        this.#on.counted(peer, hash);
      }
      done(error);
    };
    ledger.count({ ...claimed, attestations, isSolo: isSolo(quorum) }, this.#on.guard(counted));
  }

  #ended(claim: Gathering, end: ReceiptEnd): void {
    const { hash, facts, isKept, isAttested, verdict } = claim;
    this.#inFlight.remove(facts.entry);
    if (end === 'certified') return;
    if (facts.entry.worker === this.#deps.identity.publicKeyHex)
      this.#deps.log.warn('claim.lost', { receipt: hash, end, verdict });
    this.#promises.drop(facts.entry);
    if (isKept || isAttested) this.#deps.ledger.write([{ kind: 'claim.closed', hash }], () => {});
    if (end === 'rejected') this.#inFlight.reject(hash);
  }

  #makeRoom(newcomer: Gathering): boolean {
    const leaves = this.#inFlight.leaving(newcomer);
    this.#hasLeft ||= leaves?.isAttested ?? newcomer.isKept;
    if (leaves === undefined) return false;
    this.#inFlight.remove(leaves.facts.entry);
    leaves.run?.stop();
    return true;
  }
}
