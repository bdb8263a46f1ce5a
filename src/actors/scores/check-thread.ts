/** A task for a thread pool: one batch of claims, attestations and evidence, checked. */
import { checkBatch, type CheckBatch, type CheckFindings } from './checks.js';

export default function check({ batch, network }: { batch: CheckBatch; network: string }): CheckFindings {
  return checkBatch(batch, network);
}
