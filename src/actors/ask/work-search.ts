/** The search for a proof of work: a thread pool task, since it occupies a core for up to several seconds. */
import { findNonce, type WorkTask } from '../../protocol/work.js';

/** A proof takes 2^bits tries on average; the chance of finding none in 64 times as many is 1 in 10^27. */
const patience = 64;

export default function searchWork(task: WorkTask): string | undefined {
  return findNonce(task, 0, patience * 2 ** task.bits);
}
