/**
 * Parent: services; permanent. Receives `claim.made` from the request path, and `score.opened`, `score.heard` and `score.closed` from the score
 * peers; speaks to them through ScorePeers. What is counted is in the ledger, which tells whoever listens.
 *
 * 1. `docket.recall`: what this node attested and is not certified yet is pledged again; bans are read; open claims go on.
 * 2. A claim is checked (scores/inbox.ts), judged, attested and gathered (scores/docket.ts), told (scores/gossip.ts), counted.
 * 3. On connecting and every minute digests are compared (scores/reconciler.ts); so they are when it has become quiet.
 */
import type { AnyActorLogic } from 'xstate';
import { consensusMachine, type ConsensusEvent, type DocketCommand } from '../machines/consensus.machine.js';
import { limits } from '../protocol/limits.js';
import { protocolVersion } from '../protocol/messages.js';
import type { ScoreMessage, ScoreUpdateMessage } from '../protocol/score-messages.js';
import { objectHash, type Attestation, type Claim, type Evidence } from '../protocol/signed-objects.js';
import { banBy, banOf, evidenceIn, type Ban } from '../rules/evidence.js';
import type { StrikeKind } from '../rules/strikes.js';
import { guardedCallback, type Guard } from '../runtime/guarded-callback.js';
import type { ScoreChecks } from './scores/checks.js';
import type { OpenClaim } from './scores/score-store.js';
import { Docket, type DocketDeps } from './scores/docket.js';
import { Gossip } from './scores/gossip.js';
import { Inbox, type CheckedClaim, type Sender } from './scores/inbox.js';
import { Reconciler } from './scores/reconciler.js';
import { Solos } from './scores/solos.js';

export interface ConsensusDeps extends DocketDeps {
  readonly checks: ScoreChecks;
  /** It sent what no honest node sends. */
  readonly faulted: (node: string, what: StrikeKind) => void;
}

/** How often it is looked who is there, and whether it has become quiet. */
const lookMs = 1_000;
/** While more and more is counted, digests are compared this often all the same. */
const longestBusyMs = 5_000;
/** Whoever dialled begins to compare. Where nothing comes of that for so long, the other side does. */
const dialledMs = 2_000;
/** Whoever gained something by a round begins another one so soon. */
const gainedMs = 200;

export const createConsensus = (deps: ConsensusDeps): AnyActorLogic =>
  consensusMachine.provide({ actors: { docket: createDocket(deps) } });

function createDocket(deps: ConsensusDeps) {
  return guardedCallback(({ sendBack, receive, guard, after, every }) => {
    const { clock, log, identity, ledger, bans, validators, scorePeers, checks, faulted, scoreRole } = deps;
    const gossip: Gossip = new Gossip(scorePeers, after, () => inbox.isBusy);
    /** Peers that brought what was counted, and with whom another round begins. */
    const gained = new Set<string>();
    let countedAtMs = -Infinity;
    let comparedAtMs = clock.monotonicMs();

    const docket: Docket = new Docket(deps, gossip, {
      counted(peer, hash) {
        // Of a day that is closed here: it counts already, or no more.
        if (!ledger.counted.has(hash)) {
          if (peer !== undefined) reconciler.refuse(peer, hash);
          return;
        }
        countedAtMs = clock.monotonicMs();
        if (peer === undefined) return;
        reconciler.gained(peer);
        if (gained.has(peer)) return;
        gained.add(peer);
        after(gainedMs, () => {
          gained.delete(peer);
          reconciler.open(peer);
        });
      },
      isBehind: () => inbox.isBusy,
      after,
      guard,
    });
    const reconciler = new Reconciler({
      clock,
      peers: scorePeers,
      counted: () => ledger.counted,
      certificate: (hash, found) =>
        ledger.certificate(
          hash,
          guard((_, certificate) => found(certificate)),
        ),
    });

    const publish = (peer: Sender, evidence: Evidence, ban: Ban): void => {
      if (!bans.add(ban)) return;
      log.warn('account.banned', { ...ban, kind: evidence.kind });
      ledger.write([{ kind: 'evidence', account: ban.account, evidence }], (error) => {
        if (error !== undefined) log.warn('evidence.not_stored', { account: ban.account, error });
      });
      gossip.forward({ kind: 'evidence', item: evidence, isKnownTo: (other) => other === peer });
    };
    /** Who signed two receipts, or acks of two, for one order has proven it by this. */
    const compareWith = (claim: Claim, rival: Claim | undefined): void => {
      for (const evidence of rival === undefined ? [] : evidenceIn(claim, rival))
        publish(undefined, evidence, banBy(evidence));
    };
    const lookForRival = ({ claim, facts, hash }: CheckedClaim): void => {
      const counted = ledger.receiptOf(facts.entry.order);
      const rival = docket.rivalOf(facts) ?? (counted === hash ? undefined : counted);
      if (rival === undefined) return;
      const inFlight = docket.claim(rival);
      if (inFlight !== undefined) return compareWith(claim, inFlight);
      ledger.certificate(
        rival,
        guard((_, certificate) => compareWith(claim, certificate)),
      );
    };
    const fault = (peer: Sender): void => {
      const node = peer === undefined ? undefined : scorePeers.node(peer);
      if (node !== undefined) faulted(node, 'bad_signature');
    };

    const solos = new Solos(deps, gossip, guard);
    const inbox: Inbox = new Inbox(
      { check: (batch, done) => checks.check(batch, guard(done)) },
      {
        relation: (hash) => docket.relation(hash),
        isRejected: (hash) => docket.isRejected(hash),
        quorum: () => validators.quorum,
        wants: (attestation) => docket.wants(attestation) || solos.wants(attestation),
        shown: (peer, attestation) => docket.shown(peer, attestation),
        known: (peer, hash, isCertificate) => docket.known(peer, hash, isCertificate),
        askedAgain(peer, order, hash) {
          const isKnownTo = (other: string): boolean => other !== peer;
          const answer = guard((_: Error | undefined, item: Attestation | undefined) => {
            if (item?.receipt === hash) gossip.tell({ kind: 'attestation', item, isKnownTo });
          });
          ledger.signed('attestation', order, answer);
        },
        claim(checked) {
          lookForRival(checked);
          const { peer, hash, isCertificate } = checked;
          const isGathering = docket.take(checked);
          if (isGathering) inbox.adopt(hash);
          if (peer !== undefined && isCertificate && docket.relation(hash) !== 'busy') reconciler.refuse(peer, hash);
        },
        unsound(peer, { receipt }, hash, why) {
          const { worker } = receipt;
          if (worker === identity.publicKeyHex) log.error('claim.unsound', { receipt: hash, why });
          else docket.answer(worker, new Set(peer === undefined ? [] : [peer]), hash, why);
          if (why === 'bad_signature') fault(peer);
        },
        attestation: (peer, attestation) => solos.attest(attestation) || docket.attest(peer, attestation),
        evidence: publish,
        fault,
      },
      (fn) => void after(0, fn),
    );

    const look = (): void => {
      ledger.closeDays(clock.now(), (error) => {
        if (error !== undefined)
          log.warn('ledger.days_not_closed', { error, note: 'It is tried again after the next start.' });
      });
      if (validators.look()) {
        const { quorum } = validators;
        log.info('validators.changed', { validators: quorum.validators.size, threshold: quorum.threshold });
        reconciler.forgetRefused();
        docket.quorumChanged();
        solos.offer();
      }
      reconciler.look();
      const nowMs = clock.monotonicMs();
      const isQuiet = nowMs - countedAtMs >= lookMs || nowMs - comparedAtMs >= longestBusyMs;
      if (countedAtMs <= comparedAtMs || !isQuiet) return;
      comparedAtMs = nowMs;
      for (const peer of scorePeers.names()) if (scorePeers.isDialled(peer)) reconciler.open(peer);
    };
    every(lookMs, look);

    const greet = (peer: string): void => {
      look();
      docket.offerAll(peer);
      if (scorePeers.isDialled(peer)) reconciler.open(peer);
      else after(dialledMs, () => reconciler.openUnasked(peer));
    };

    receive((sent) => {
      const event = sent as ConsensusEvent | DocketCommand;
      switch (event.type) {
        case 'docket.recall':
          return recall(deps, docket, inbox, guard, () => {
            inbox.start();
            sendBack({ type: 'ledger.recalled' });
          });
        case 'docket.round':
          for (const peer of scorePeers.names()) reconciler.open(peer);
          solos.offer();
          if (docket.mayRecall()) recall(deps, docket, inbox, guard, () => {});
          return;
        case 'claim.made':
          return inbox.hear(undefined, updateOf([event.claim]));
        case 'score.opened':
          return greet(event.peer);
        case 'score.closed':
          return reconciler.forget(event.peer);
        case 'score.heard':
          return hear(event.peer, event.message);
        default:
      }
    });

    const hear = (peer: string, message: ScoreMessage): void => {
      if (message.type === 'score_request') return reconciler.hear(peer, message);
      if (message.type === 'hello') return;
      if (scoreRole === 'worker') return inbox.hear(peer, message);
      // Who looks up takes certificates only.
      if (message.type === 'score_update') inbox.hear(peer, { ...message, receipts: [] });
    };
    for (const peer of scorePeers.names()) greet(peer); // they stood while whoever was here before fell
  });
}

/** What this node attested is pledged before anything is judged, then all open claims go on. */
function recall(
  { ledger, bans, log, scoreRole }: ConsensusDeps,
  docket: Docket,
  inbox: Inbox,
  guard: Guard,
  done: () => void,
): void {
  if (scoreRole === 'client') return done();
  const open = guard((error: Error | undefined, claims: readonly OpenClaim[] = []) => {
    if (error !== undefined) {
      log.warn('ledger.not_recalled', { error });
      return;
    }
    const acked = claims.flatMap(({ order, receipt, ack }) => (ack === undefined ? [] : [{ order, receipt, ack }]));
    let left = acked.length;
    const goOn = (): void => {
      for (let at = 0; at < acked.length; at += limits.maxScoreItems)
        inbox.hear(undefined, updateOf(acked.slice(at, at + limits.maxScoreItems)));
      done();
    };
    if (left === 0) goOn();
    for (const claim of acked)
      ledger.signed(
        'attestation',
        claim.receipt.order,
        guard((_: Error | undefined, attestation: Attestation | undefined) => {
          const hash = objectHash('receipt', claim.receipt);
          if (attestation?.receipt === hash) docket.remember(claim, hash);
          if (--left === 0) goOn();
        }),
      );
  });
  ledger.evidence(
    guard((error: Error | undefined, all: readonly Evidence[] = []) => {
      if (error !== undefined) {
        log.warn('ledger.not_recalled', { error });
        return;
      }
      for (const ban of all.map(banOf)) if (ban !== undefined) bans.add(ban);
      ledger.claims(open);
    }),
  );
}

const updateOf = (receipts: Claim[]): ScoreUpdateMessage => ({
  v: protocolVersion,
  type: 'score_update',
  receipts,
  certificates: [],
});
