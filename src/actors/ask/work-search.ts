/** The search for a proof of work: a task for a thread pool, since it takes a core for up to seconds. */
import { findNonce, type WorkTask } from '../../protocol/work.js';

/** A proof is found after 2^bits tries on average; that none is found in 64 times as many has a chance of 1 in 10^27. */
const patience = 64;

export default function searchWork(task: WorkTask): string | undefined {
  return findNonce(task, 0, patience * 2 ** task.bits);
}
