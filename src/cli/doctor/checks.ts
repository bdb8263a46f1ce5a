/** All checks of the doctor, in the order they are reported. */
import { messageOf } from '../../runtime/errors.js';
import { checkGraphics, checkLlama, checkModels, checkServing } from './compute.js';
import type { Check, Finding, Subject } from './finding.js';
import { checkHome, checkIdentity, checkWorker } from './home.js';
import { checkPoints } from './ledger.js';
import { checkClock, checkDisk, checkMemory, checkNode } from './machine.js';
import { checkAdmin, checkMesh, checkNat } from './network.js';

export const checks = {
  node: () => checkNode(),
  llama: async ({ recommendation }) => checkLlama((await recommendation()).devices),
  graphics: checkGraphics,
  memory: () => checkMemory(),
  disk: checkDisk,
  clock: checkClock,
  home: checkHome,
  identity: checkIdentity,
  mesh: checkMesh,
  nat: checkNat,
  admin: checkAdmin,
  models: checkModels,
  serving: checkServing,
  points: checkPoints,
  worker: checkWorker,
} as const satisfies Readonly<Record<string, Check>>;

/** A check that throws is reported as a finding too. */
export async function look(check: Check, subject: Subject): Promise<Finding> {
  try {
    return await check(subject);
  } catch (error) {
    return {
      status: 'fail',
      says: `This could not be looked at: ${messageOf(error)}`,
      advice: 'Please report this if it happens again.',
    };
  }
}
