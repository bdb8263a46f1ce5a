/**
 * Whether what came over the score network is what it says: nearly all of it is checking signatures, some 50 µs each, and a frame may
 * bring a thousand of them. So larger batches go to a thread, and the event loop is free meanwhile.
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

/** What was found of each, in the order of the batch. */
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

/** In this thread, all at once. */
export const checksHere = (network: string): ScoreChecks => ({
  check: (batch, done) => done(checkBatch(batch, network)),
});

/** Signatures that are checked here rather than carried to a thread and back: some 2 ms. */
const maxSignaturesHere = 32;
/** One at a time is asked for; the second thread is for whoever asks beside consensus. */
const maxThreads = 2;

export interface ClosableChecks extends ScoreChecks {
  close(): Promise<void>;
}

/** Larger batches in threads. Where a thread fails, here after all: what is not checked is not counted. */
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

/** How many signatures so many objects hold at most: a claim three, evidence those of two claims. */
export const signaturesIn = ({ claims = 0, attestations = 0, evidence = 0 }): number =>
  3 * claims + attestations + 6 * evidence;

const signaturesOf = ({ claims, attestations, evidence }: CheckBatch): number =>
  signaturesIn({ claims: claims.length, attestations: attestations.length, evidence: evidence.length });
