/**
 * Checks what came over the score network. Nearly all of that is checking signatures, at some 50 µs each, and a frame may hold a thousand of
 * them; so larger batches go to a thread, which keeps the event loop free.
 */
import type { Attestation, Claim, Evidence } from '../../protocol/signed-objects.js';
import { isGenuine } from '../../protocol/signed-objects.js';
import { examine, type Examination } from '../../rules/claim.js';
import { banOf, type Ban } from '../../rules/evidence.js';
import { createThreadPool } from '../../runtime/thread-pool.js';

export interface CheckBatch {
  readonly claims: readonly Claim[];
  readonly attestations: readonly Attestation[];
  readonly evidence: readonly Evidence[];
}

/** The result for each item, in the order of the batch. */
export interface CheckFindings {
  readonly claims: readonly Examination[];
  readonly attestations: readonly boolean[];
  readonly evidence: readonly (Ban | undefined)[];
}

export interface ScoreChecks {
  /** `done` is called once, perhaps at once. */
  check(batch: CheckBatch, done: (findings: CheckFindings) => void): void;
}

/** @param network the inference topic of this node's mesh. */
export function checkBatch({ claims, attestations, evidence }: CheckBatch, network: string): CheckFindings {
  return {
    claims: claims.map((claim) => examine(claim, network)),
    attestations: attestations.map((attestation) => isGenuine('attestation', attestation)),
    evidence: evidence.map(banOf),
  };
}

/** On this thread, synchronously. */
export const checksHere = (network: string): ScoreChecks => ({
  check: (batch, done) => done(checkBatch(batch, network)),
});

/** Up to this many signatures (some 2 ms) are checked here: carrying them to a thread and back would cost more. */
const maxSignaturesHere = 32;
/** Consensus checks one batch at a time; the second thread is for other callers. */
const maxThreads = 2;

export interface ClosableChecks extends ScoreChecks {
  close(): Promise<void>;
}

/** Larger batches go to threads. If a thread fails, its batch is checked here, since nothing counts unchecked. */
export function checksInThreads(network: string): ClosableChecks {
  const entry = new URL('./check-thread.js', import.meta.url);
  const pool = createThreadPool<{ batch: CheckBatch; network: string }, CheckFindings>({ entry, maxThreads });
  return {
    check(batch, done) {
      if (signaturesOf(batch) <= maxSignaturesHere) {
        done(checkBatch(batch, network));
        return;
      }
      pool.run({ batch, network }).then(done, () => done(checkBatch(batch, network)));
    },
    close: () => pool.close(),
  };
}

/** The most signatures that these objects can hold: three for a claim, six for evidence. */
export const signaturesIn = ({ claims = 0, attestations = 0, evidence = 0 }): number =>
  3 * claims + attestations + 6 * evidence;

const signaturesOf = ({ claims, attestations, evidence }: CheckBatch): number =>
  signaturesIn({ claims: claims.length, attestations: attestations.length, evidence: evidence.length });
