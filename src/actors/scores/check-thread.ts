/** The thread pool's task: checks one batch of claims, attestations and evidence. */
import { checkBatch, type CheckBatch, type CheckFindings } from './checks.js';

export default function check({ batch, network }: { batch: CheckBatch; network: string }): CheckFindings {
  return checkBatch(batch, network);
}
