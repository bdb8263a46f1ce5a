/**
 * From messages to findings. A batch is taken from the intake; what is known already, or cannot count, is left out; the signatures of the rest
 * are checked together (`checks.ts`, in a thread where they are many); then one finding is emitted for each item.
 *
 * It reads what this node knows (`KnownClaims`) and changes nothing: what follows from a finding is decided by whoever receives it
 * (`pipeline.ts`).
 */
import { limits } from '../../protocol/limits.js';
import { protocolVersion } from '../../protocol/messages.js';
import { objectHash, type Attestation, type Claim, type Evidence } from '../../protocol/signed-objects.js';
import { pureClaim } from '../../rules/evidence.js';
import type { Quorum } from '../../rules/quorum.js';
import type { After } from '../../runtime/guarded-callback.js';
import type { CheckBatch, CheckFindings, ScoreChecks } from './checks.js';
import type { ClaimStatus, Finding, KnownClaims, VerifiedClaim } from './findings.js';
import type { Intake, IntakeMessage, Received, Source } from './intake.js';
import { OrphanAttestations, type ReceivedAttestation } from './orphan-attestations.js';
import type { Validators } from './validators.js';

export interface VerificationDeps {
  readonly intake: Intake;
  readonly checks: ScoreChecks;
  readonly validators: Pick<Validators, 'quorum'>;
  readonly known: KnownClaims;
  readonly emit: (finding: Finding) => void;
  readonly after: After;
}

/** An item whose signatures are checked; `at` is its place in the batch. */
type Task =
  | (Omit<VerifiedClaim, 'facts' | 'attestations'> & {
      readonly kind: 'claim';
      readonly at: number;
      readonly attestations: readonly { readonly attestation: Attestation; readonly at: number }[];
    })
  | { readonly kind: 'attestation'; readonly source: Source; readonly attestation: Attestation; readonly at: number }
  | { readonly kind: 'evidence'; readonly source: Source; readonly evidence: Evidence; readonly at: number };

interface Batch extends CheckBatch {
  readonly claims: Claim[];
  readonly attestations: Attestation[];
  readonly evidence: Evidence[];
  readonly tasks: Task[];
  /** Receipt → how many of its attestations are checked in this batch. */
  readonly checked: Map<string, number>;
  /** Attestations beyond those a receipt lacks: needed only if some of the others turn out to be forged. */
  readonly spare: ReceivedAttestation[];
}

export class Verification {
  readonly #deps: VerificationDeps;
  readonly #orphans = new OrphanAttestations();
  /** Claims in the batch that is being checked. */
  readonly #checking = new Set<string>();

  constructor(deps: VerificationDeps) {
    this.#deps = deps;
  }

  /** Nothing is verified before that; messages wait in the intake. */
  start(): void {
    this.#deps.intake.ready();
    this.#next();
  }

  hear(source: Source, message: IntakeMessage): void {
    this.#deps.intake.push(source, message);
    this.#next();
  }

  /** This claim is pending now: the attestations that waited for it are verified. */
  adoptOrphans(hash: string): void {
    for (const orphan of this.#orphans.take(hash)) this.#hearAgain(orphan);
  }

  #hearAgain({ source, attestation }: ReceivedAttestation): void {
    this.hear(source, { v: protocolVersion, type: 'score_verify', attestations: [attestation] });
  }

  #next(): void {
    const { intake, checks, known, after } = this.#deps;
    const received = intake.take(limits.maxScoreItems);
    if (received === undefined) return;
    const batch: Batch = { claims: [], attestations: [], evidence: [], tasks: [], checked: new Map(), spare: [] };
    for (const each of received) this.#sort(each, batch);
    checks.check(batch, (found) => {
      this.#checking.clear();
      for (const task of batch.tasks) this.#report(task, found);
      for (const each of batch.spare) if (known.missing(each.attestation) > 0) this.#hearAgain(each);
      after(0, () => {
        intake.ready();
        this.#next();
      });
    });
  }

  #sort({ source, message }: Received, batch: Batch): void {
    if (message.type === 'score_update') {
      for (const claim of message.receipts) this.#sortClaim(source, claim, undefined, batch);
      for (const { attestations, ...claim } of message.certificates)
        this.#sortClaim(source, claim, attestations, batch);
      return;
    }
    for (const attestation of message.attestations) this.#sortAttestation({ source, attestation }, batch);
    for (const evidence of message.evidence ?? [])
      batch.tasks.push({ kind: 'evidence', source, evidence, at: batch.evidence.push(evidence) - 1 });
  }

  /** @param attestations of a certificate; undefined for a bare claim */
  #sortClaim(source: Source, claim: Claim, attestations: readonly Attestation[] | undefined, batch: Batch): void {
    const { known, validators, emit } = this.#deps;
    const hash = objectHash('receipt', claim.receipt);
    const isCertificate = attestations !== undefined;
    const status = this.#statusOf(hash);
    if (status !== 'unknown') {
      emit({ kind: 'claim.held', source, order: claim.receipt.order, hash, isCertificate, status });
      for (const attestation of attestations ?? []) this.#sortAttestation({ source, attestation }, batch);
      return;
    }
    const counting = countingOf(hash, attestations ?? [], validators.quorum);
    if (known.isRejected(hash) && counting.length < validators.quorum.threshold) return;
    this.#checking.add(hash);
    const pure = pureClaim(claim);
    batch.tasks.push({
      kind: 'claim',
      source,
      hash,
      claim: pure,
      isCertificate,
      at: batch.claims.push(pure) - 1,
      attestations: counting.map((each) => ({ attestation: each, at: batch.attestations.push(each) - 1 })),
    });
  }

  #sortAttestation({ source, attestation }: ReceivedAttestation, batch: Batch): void {
    const { known, validators, emit } = this.#deps;
    const { receipt, validator, verdict } = attestation;
    if (verdict !== 'valid' || !validators.quorum.validators.has(validator)) return;
    const status = this.#statusOf(receipt);
    if (status === 'unknown' || status === 'busy') return this.#orphans.add({ source, attestation });
    emit({ kind: 'attestation.held', source, attestation });
    const missing = known.missing(attestation);
    if (missing === 0) return;
    const checked = batch.checked.get(receipt) ?? 0;
    if (checked >= missing) return void batch.spare.push({ source, attestation });
    batch.checked.set(receipt, checked + 1);
    batch.tasks.push({ kind: 'attestation', source, attestation, at: batch.attestations.push(attestation) - 1 });
  }

  #statusOf(hash: string): ClaimStatus {
    return this.#checking.has(hash) ? 'busy' : this.#deps.known.status(hash);
  }

  #report(task: Task, found: CheckFindings): void {
    const { emit } = this.#deps;
    const { source, at } = task;
    switch (task.kind) {
      case 'claim':
        return this.#reportClaim(task, found);
      case 'attestation':
        if (found.attestations[at] !== true) return emit({ kind: 'signature.forged', source });
        return emit({ kind: 'attestation.verified', source, attestation: task.attestation });
      case 'evidence': {
        const ban = found.evidence[at];
        if (ban === undefined) return emit({ kind: 'signature.forged', source });
        return emit({ kind: 'evidence.verified', source, evidence: task.evidence, ban });
      }
    }
  }

  #reportClaim(
    { source, hash, claim, isCertificate, at, attestations }: Extract<Task, { kind: 'claim' }>,
    found: CheckFindings,
  ): void {
    const { emit } = this.#deps;
    const examination = found.claims[at];
    if (examination === undefined) return;
    if (examination.kind === 'unsound')
      return emit({ kind: 'claim.unsound', source, claim, hash, fault: examination.fault });
    const genuine = attestations.filter((each) => found.attestations[each.at] === true);
    if (genuine.length < attestations.length) emit({ kind: 'signature.forged', source });
    emit({
      kind: 'claim.verified',
      source,
      hash,
      claim,
      facts: examination.facts,
      attestations: genuine.map(({ attestation }) => attestation),
      isCertificate,
    });
  }
}

/** The attestations that may count: one for each validator, and no more than the threshold. */
function countingOf(
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
