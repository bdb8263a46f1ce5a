/**
 * The score network of a node, from what peers say to what counts. Data flows one way:
 *
 *     peers ─→ intake ─→ verification ─→ findings ─→ certification ─→ ledger
 *       ↑                                                  │            │
 *       └────────────── gossip, anti-entropy ←─────────────┴────────────┘
 *
 * 1. The intake queues messages, verification checks them and emits a finding for each item (`intake.ts`, `verification.ts`).
 * 2. `#act` below says what follows from each finding.
 * 3. Certification judges claims, attests them, gathers the attestations of others, and writes certificates (`certification.ts`, with
 *    `pending-claims.ts` and `attestor.ts`).
 * 4. Gossip tells peers what is new (`announcer.ts`, `gossip.ts`); anti-entropy finds what gossip missed (`anti-entropy.ts`).
 */
import type { KeyPair } from '../../protocol/keys.js';
import { limits } from '../../protocol/limits.js';
import { protocolVersion } from '../../protocol/messages.js';
import type { ScoreMessage } from '../../protocol/score-messages.js';
import type { Claim } from '../../protocol/signed-objects.js';
import type { StrikeKind } from '../../rules/strikes.js';
import type { Clock } from '../../runtime/clock.js';
import type { After, Guard } from '../../runtime/guarded-callback.js';
import type { Logger } from '../../runtime/log.js';
import { Announcer } from './announcer.js';
import { AntiEntropy } from './anti-entropy.js';
import { Attestor } from './attestor.js';
import type { Bans } from './bans.js';
import { Certification } from './certification.js';
import type { ScoreChecks } from './checks.js';
import { Equivocation } from './equivocation.js';
import type { Finding } from './findings.js';
import { Gossip } from './gossip.js';
import { guardedLedger, type GuardedLedger } from './guarded-ledger.js';
import { Intake, type Source } from './intake.js';
import type { Ledger } from './ledger.js';
import { PendingClaims } from './pending-claims.js';
import { readBans, readOpenWork } from './recovery.js';
import type { ScorePeers } from './score-peers.js';
import { SoloCertificates } from './solo-certificates.js';
import type { Validators } from './validators.js';
import { Verification } from './verification.js';

export interface PipelineDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly identity: KeyPair;
  readonly ledger: Ledger;
  readonly bans: Bans;
  readonly validators: Validators;
  readonly scorePeers: ScorePeers;
  readonly checks: ScoreChecks;
  /** `client`: this node only looks up. It counts what others certified, and attests nothing. */
  readonly scoreRole: 'worker' | 'client';
  /** The node sent what no honest node sends. */
  readonly faulted: (node: string, what: StrikeKind) => void;
}

/** Ends with the actor that owns the pipeline. */
export interface PipelineScope {
  readonly guard: Guard;
  readonly after: After;
}

export class Pipeline {
  readonly #deps: PipelineDeps;
  readonly #ledger: GuardedLedger;
  readonly #gossip: Gossip;
  readonly #pending = new PendingClaims();
  readonly #attestor: Attestor;
  readonly #certification: Certification;
  readonly #equivocation: Equivocation;
  readonly #solos: SoloCertificates;
  readonly #antiEntropy: AntiEntropy;
  readonly #verification: Verification;

  constructor(deps: PipelineDeps, { guard, after }: PipelineScope) {
    const { scorePeers, validators, checks } = deps;
    const ledger = guardedLedger(deps.ledger, guard);
    const intake = new Intake();
    const pending = this.#pending;
    const gossip = new Gossip(scorePeers, intake, after);
    const announcer = new Announcer(gossip, scorePeers, pending);
    const attestor = new Attestor({ ...deps, ledger });
    this.#deps = deps;
    this.#ledger = ledger;
    this.#gossip = gossip;
    this.#attestor = attestor;
    this.#antiEntropy = new AntiEntropy({ ...deps, ledger, after });
    this.#equivocation = new Equivocation({ ...deps, ledger, pending, attestor, gossip });
    this.#solos = new SoloCertificates({ ...deps, ledger, gossip });
    const stored = (source: Source, hash: string): void => this.#stored(source, hash);
    const stalled = (): void => this.#antiEntropy.stalled();
    const parts = { ledger, intake, pending, attestor, announcer };
    this.#certification = new Certification({ ...deps, ...parts, after, stored, stalled });
    this.#verification = new Verification({
      intake,
      checks: { check: (batch, done) => checks.check(batch, guard(done)) },
      validators,
      known: {
        status: (hash) => this.#certification.status(hash),
        isRejected: (hash) => pending.isRejected(hash),
        missing: (attestation) => this.#certification.missing(attestation) || this.#solos.missing(attestation),
      },
      emit: (finding) => this.#act(finding),
      after,
    });
  }

  /**
   * Reads bans, pledges and open claims from disk, and only then calls `done`: judging before that could attest something twice. On failure
   * `done` is not called.
   */
  recover(done: () => void): void {
    const { log, bans, scoreRole } = this.#deps;
    if (scoreRole === 'client') return done();
    const failed = (error: Error): void => log.warn('ledger.not_recovered', { error });
    readBans(this.#ledger, (error, found = []) => {
      if (error !== undefined) return failed(error);
      for (const ban of found) bans.add(ban);
      readOpenWork(this.#ledger, (missed, { claims, attested } = { claims: [], attested: [] }) => {
        if (missed !== undefined) return failed(missed);
        for (const entry of attested) this.#attestor.pledge(entry);
        this.claim(claims);
        done();
      });
    });
  }

  /** Begins to verify what has been heard. */
  start(): void {
    this.#verification.start();
  }

  /** This node's own claims, which are on disk. */
  claim(claims: readonly Claim[]): void {
    for (let at = 0; at < claims.length; at += limits.maxScoreItems) {
      const receipts = claims.slice(at, at + limits.maxScoreItems);
      this.#verification.hear(undefined, { v: protocolVersion, type: 'score_update', receipts, certificates: [] });
    }
  }

  greet(peer: string): void {
    this.tick();
    this.#certification.announceAllTo(peer);
    this.#antiEntropy.greet(peer);
  }

  hear(peer: string, message: ScoreMessage): void {
    if (message.type === 'score_request') return this.#antiEntropy.hear(peer, message);
    if (message.type === 'hello') return;
    if (this.#deps.scoreRole === 'worker') return this.#verification.hear(peer, message);
    // A node that only looks up takes nothing but certificates.
    if (message.type === 'score_update') this.#verification.hear(peer, { ...message, receipts: [] });
  }

  forget(peer: string): void {
    this.#antiEntropy.forget(peer);
  }

  /** To be called every minute. */
  round(): void {
    this.#antiEntropy.openAll();
    this.#solos.offer();
    if (this.#certification.shouldReload()) this.recover(() => {});
  }

  /** To be called every second, and when a peer appears. */
  tick(): void {
    const { log, clock, validators } = this.#deps;
    this.#ledger.closeDays(clock.now(), (error) => {
      if (error !== undefined)
        log.warn('ledger.days_not_closed', { error, note: 'It is tried again after a restart.' });
    });
    if (validators.look()) {
      const { quorum } = validators;
      log.info('validators.changed', { validators: quorum.validators.size, threshold: quorum.threshold });
      this.#antiEntropy.forgetRefused();
      this.#certification.quorumChanged();
      this.#solos.offer();
    }
    this.#antiEntropy.tick();
  }

  #act(finding: Finding): void {
    const { source } = finding;
    switch (finding.kind) {
      case 'claim.verified': {
        const { hash, isCertificate } = finding;
        this.#equivocation.detect(finding);
        if (this.#certification.begin(finding)) this.#verification.adoptOrphans(hash);
        if (source !== undefined && isCertificate && this.#certification.status(hash) !== 'busy')
          this.#antiEntropy.refuse(source, hash);
        return;
      }
      case 'claim.unsound': {
        const { worker } = finding.claim.receipt;
        const { hash, fault } = finding;
        if (worker === this.#deps.identity.publicKeyHex)
          this.#deps.log.error('claim.unsound', { receipt: hash, why: fault });
        else this.#certification.refuse(worker, new Set(source === undefined ? [] : [source]), hash, fault);
        return fault === 'bad_signature' ? this.#fault(source) : undefined;
      }
      case 'claim.held': {
        const { hash, order, isCertificate, status } = finding;
        this.#pending.noteHolder(source, hash, isCertificate);
        return status === 'counted' && !isCertificate && source !== undefined
          ? this.#attestAgain(source, order, hash)
          : undefined;
      }
      case 'attestation.verified':
        if (!this.#solos.attest(finding.attestation)) this.#certification.attest(source, finding.attestation);
        return;
      case 'attestation.held': {
        const { validator, receipt } = finding.attestation;
        if (source !== undefined && this.#deps.scorePeers.node(source) === validator)
          this.#pending.noteAttester(validator, receipt);
        return;
      }
      case 'evidence.verified':
        return this.#equivocation.publish(source, finding.evidence, finding.ban);
      case 'signature.forged':
        return this.#fault(source);
    }
  }

  /** It counts now, unless its day is closed here: then it counted already, or is too old to compare. */
  #stored(source: Source, hash: string): void {
    if (this.#ledger.counted.has(hash)) this.#antiEntropy.counted(source);
    else if (source !== undefined) this.#antiEntropy.refuse(source, hash);
  }

  /** The peer still gathers attestations for a receipt that counts here: it gets this node's own once more. */
  #attestAgain(peer: string, order: string, hash: string): void {
    this.#ledger.signed('attestation', order, (_, item) => {
      if (item?.receipt === hash)
        this.#gossip.announce({ kind: 'attestation', item, isKnownTo: (other) => other !== peer });
    });
  }

  #fault(source: Source): void {
    const node = source === undefined ? undefined : this.#deps.scorePeers.node(source);
    if (node !== undefined) this.#deps.faulted(node, 'bad_signature');
  }
}
