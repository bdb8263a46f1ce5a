/**
 * Takes verified claims to certificates. Each pending claim runs the claim's chart (`machines/claim.machine.ts`); the effects of the chart
 * are here: judge, sign, announce, store. Whenever an attestation arrives or the quorum changes, the claim is checked against the quorum, and
 * if that is reached its certificate is written, and counts once it is on disk.
 *
 * The number of pending claims is bounded. A claim that was evicted although this node made or attested it is on disk, and is reloaded when
 * there is room again.
 */
import { claimMachine, type ClaimEnd } from '../../machines/claim.machine.js';
import type { KeyPair } from '../../protocol/keys.js';
import { limits } from '../../protocol/limits.js';
import type { Attestation } from '../../protocol/signed-objects.js';
import { claimLifeMs } from '../../rules/attestation.js';
import { isSolo } from '../../rules/quorum.js';
import { verdictRules, type Fault } from '../../rules/verdicts.js';
import { chartTable, ChartRun, type ChartHost } from '../../runtime/chart-table.js';
import type { Clock } from '../../runtime/clock.js';
import type { After } from '../../runtime/guarded-callback.js';
import type { Logger } from '../../runtime/log.js';
import { tracked, type Announcer } from './announcer.js';
import type { Attestor } from './attestor.js';
import type { ClaimStatus, VerifiedClaim } from './findings.js';
import type { GuardedLedger } from './guarded-ledger.js';
import type { Intake, Source } from './intake.js';
import { maxPending, type PendingClaim, type PendingClaims, type TrackedAttestation } from './pending-claims.js';
import type { Validators } from './validators.js';

export interface CertificationDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly identity: KeyPair;
  readonly ledger: GuardedLedger;
  readonly validators: Validators;
  /** `client`: this node only looks up. It counts certificates and gathers nothing. */
  readonly scoreRole: 'worker' | 'client';
  readonly intake: Pick<Intake, 'isBusy'>;
  readonly pending: PendingClaims;
  readonly attestor: Attestor;
  readonly announcer: Announcer;
  readonly after: After;
  /** A certificate is on disk. `source` is the peer that sent it whole; undefined where it was completed here. */
  readonly stored: (source: Source, hash: string) => void;
  /** A claim still lacks attestations although it was announced before. */
  readonly stalled: () => void;
}

const chart = chartTable(claimMachine);

export class Certification {
  readonly #deps: CertificationDeps;
  readonly #host: ChartHost<PendingClaim>;
  /** Receipts whose certificates came whole and are being written. */
  readonly #writing = new Set<string>();
  /** A claim that is on disk was evicted, or found no room. */
  #hasEvicted = false;

  constructor(deps: CertificationDeps) {
    this.#deps = deps;
    this.#host = {
      after: deps.after,
      effects: {
        judge: (claim) => this.#judge(claim),
        sign: (claim) => this.#sign(claim),
        announce: (claim) => this.#announce(claim),
        store: (claim) => this.#store(claim),
      },
      ended: (claim, end) => this.#ended(claim, end as ClaimEnd),
    };
  }

  status(hash: string): ClaimStatus {
    if (this.#writing.has(hash)) return 'busy';
    if (this.#deps.pending.has(hash)) return 'pending';
    return this.#deps.ledger.counted.has(hash) ? 'counted' : 'unknown';
  }

  /** How many more attestations this claim needs; 0 where this one is no news. */
  missing({ receipt, validator }: Attestation): number {
    const claim = this.#deps.pending.get(receipt);
    if (claim === undefined || claim.attestations.has(validator)) return 0;
    return this.#deps.validators.missing(claim.attestations.keys());
  }

  /** Takes a claim that is neither pending nor counted. @returns whether it is pending now; else it is certified, or there is no room. */
  begin({ source, hash, claim, facts, attestations, isCertificate }: VerifiedClaim): boolean {
    const { clock, validators, pending, attestor, scoreRole } = this.#deps;
    const sender = source === undefined ? [] : [source];
    const begun: PendingClaim = {
      hash,
      claim,
      facts,
      isStored: source === undefined,
      expiresInMs: Math.max(0, facts.entry.finishedAt + claimLifeMs - clock.now()),
      attestations: new Map(attestations.map((each) => [each.validator, tracked(each, source)])),
      holders: new Set(sender),
      certificateHolders: new Set(isCertificate ? sender : []),
      attesters: new Set(attestations.map(({ validator }) => validator)),
      isAttested: attestor.hasAttested(facts.entry),
      verdict: undefined,
      timesJudged: 0,
      timesAnnounced: 0,
      run: undefined,
    };
    if (validators.missing(begun.attestations.keys()) === 0) {
      this.#writing.add(hash);
      this.#certify(begun, source, () => {});
      return false;
    }
    if (scoreRole === 'client') return false;
    if (pending.isFull && !this.#makeRoom(begun)) return false;
    this.#start(begun);
    return true;
  }

  /** A verified attestation of a pending claim. */
  attest(source: Source, attestation: Attestation): void {
    const claim = this.#deps.pending.get(attestation.receipt);
    if (claim === undefined || claim.attestations.has(attestation.validator)) return;
    const received = tracked(attestation, source);
    this.#deps.announcer.attestation(claim, received, 'relay');
    this.#gather(claim, received);
  }

  /** Validators appeared or left. */
  quorumChanged(): void {
    for (const claim of [...this.#deps.pending.all()]) this.#checkQuorum(claim);
  }

  /** Tells a peer that has just connected about everything this node stands for. */
  announceAllTo(newcomer: string): void {
    const { pending, announcer } = this.#deps;
    for (const claim of pending.all()) {
      if (!claim.isAttested && !claim.isStored) continue;
      announcer.claim(claim, 'announce', newcomer);
      for (const each of claim.attestations.values()) announcer.attestation(claim, each, 'announce', newcomer);
    }
  }

  /** Tells the worker, and the peers that sent it, that this node does not attest a claim, and why. */
  refuse(worker: string, senders: ReadonlySet<string>, receipt: string, why: Fault): void {
    const { validators, announcer, attestor } = this.#deps;
    if (validators.attests) announcer.refusal(worker, senders, attestor.attestation(receipt, why));
  }

  /** Whether claims were evicted that are on disk, and there is room for them again. True once for each time. */
  shouldReload(): boolean {
    if (!this.#hasEvicted || this.#deps.pending.size > maxPending / 2) return false;
    this.#hasEvicted = false;
    return true;
  }

  #start(claim: PendingClaim): void {
    this.#deps.pending.add(claim);
    if (!claim.isStored) this.#deps.announcer.claim(claim, 'relay');
    claim.run = new ChartRun(chart, this.#host, claim);
    claim.run.start();
  }

  #checkQuorum(claim: PendingClaim): void {
    if (this.#deps.validators.missing(claim.attestations.keys()) === 0) claim.run?.send('quorum.reached');
  }

  #gather(claim: PendingClaim, received: TrackedAttestation): void {
    const { validator } = received.attestation;
    claim.attestations.set(validator, received);
    claim.attesters.add(validator);
    this.#checkQuorum(claim);
  }

  #judge(claim: PendingClaim): void {
    const { attestor, validators } = this.#deps;
    claim.timesJudged++;
    const before = claim.verdict;
    const verdict = (claim.verdict = attestor.judge(claim.facts));
    if (verdict === 'valid') {
      if (!claim.isAttested && validators.attests) {
        claim.isAttested = true;
        attestor.pledge(claim.facts.entry);
      }
      claim.run?.send('claim.accepted');
    } else {
      if (verdict !== before) this.refuse(claim.facts.entry.worker, claim.holders, claim.hash, verdict);
      claim.run?.send(verdictRules[verdict].isFinal ? 'claim.rejected' : 'claim.deferred');
    }
  }

  #sign(claim: PendingClaim): void {
    const { attestor, announcer, validators, pending, log } = this.#deps;
    const { hash, facts } = claim;
    if (!validators.attests) return claim.run?.send('attestation.signed');
    attestor.sign(claim.claim, facts.entry, (error, attestation) => {
      if (pending.get(hash) !== claim) return;
      if (error !== undefined || attestation === undefined)
        return log.warn('attestation.not_stored', { receipt: hash, error });
      if (attestation.receipt !== hash) {
        attestor.yieldTo(attestation.receipt, facts.entry);
        claim.verdict = 'double_receipt';
        this.refuse(facts.entry.worker, claim.holders, hash, claim.verdict);
        return claim.run?.send('claim.rejected');
      }
      const own = tracked(attestation, undefined);
      announcer.attestation(claim, own, 'announce');
      claim.run?.send('attestation.signed');
      this.#gather(claim, own);
    });
  }

  /**
   * The first time, this announces only the node's own claims; others are being relayed. Later it announces the claim again, with every
   * attestation gathered if it is this node's own, and otherwise with this node's attestation.
   */
  #announce(claim: PendingClaim): void {
    const { intake, announcer, identity, stalled } = this.#deps;
    const isFirst = claim.timesAnnounced === 0;
    if (!isFirst && intake.isBusy) return; // what is missing may be waiting there
    claim.timesAnnounced++;
    if (isFirst && !claim.isStored) return;
    announcer.claim(claim, 'announce');
    if (isFirst) return;
    stalled();
    const own = identity.publicKeyHex;
    for (const [validator, each] of claim.attestations)
      if (claim.isStored || validator === own) announcer.attestation(claim, each, 'announce');
  }

  #store(claim: PendingClaim): void {
    this.#certify(claim, undefined, (error) => {
      if (error !== undefined) this.#deps.log.warn('certificate.not_stored', { receipt: claim.hash, error });
      claim.run?.send(error === undefined ? 'certificate.stored' : 'certificate.notStored');
    });
  }

  /** Writes the certificate; it counts once it is on disk. */
  #certify(claim: PendingClaim, source: Source, done: (error: Error | undefined) => void): void {
    const { ledger, validators, pending, attestor, announcer, stored } = this.#deps;
    const { quorum } = validators;
    const attestations = [...claim.attestations.values()]
      .map(({ attestation }) => attestation)
      .filter(({ validator }) => quorum.validators.has(validator))
      .slice(0, limits.maxAttestations);
    ledger.count({ ...claim.claim, attestations, isSolo: isSolo(quorum) }, (error) => {
      this.#writing.delete(claim.hash);
      if (error === undefined) {
        attestor.settle(claim.facts.entry);
        pending.track(claim);
        announcer.certificate(claim, attestations);
        stored(source, claim.hash);
      }
      done(error);
    });
  }

  #ended(claim: PendingClaim, end: ClaimEnd): void {
    const { pending, attestor, ledger, identity, log } = this.#deps;
    const { hash, facts, isStored, isAttested, verdict } = claim;
    pending.remove(facts.entry);
    if (end === 'certified') return;
    if (facts.entry.worker === identity.publicKeyHex) log.warn('claim.lost', { receipt: hash, end, verdict });
    attestor.drop(facts.entry);
    if (isStored || isAttested) ledger.write([{ kind: 'claim.closed', hash }], () => {});
    if (end === 'rejected') pending.reject(hash);
  }

  #makeRoom(newcomer: PendingClaim): boolean {
    const { pending } = this.#deps;
    const evicted = pending.evictionFor(newcomer);
    this.#hasEvicted ||= evicted?.isAttested ?? newcomer.isStored;
    if (evicted === undefined) return false;
    pending.remove(evicted.facts.entry);
    evicted.run?.stop();
    return true;
  }
}
