/** This machine as rules/choose.ts asks for it: no more of it than the limits of a container leave. */
import { freemem, totalmem } from 'node:os';
import type { MachineFacts } from '../../rules/choose.js';
import { memoryLimits, usableCores } from '../../runtime/container-limits.js';

/** @param root of the file system, another one for tests. */
export function readMachine(root?: string): MachineFacts {
  const { limitBytes, availableBytes } = memoryLimits(root);
  return {
    cores: usableCores(root),
    memoryBytes: Math.min(totalmem(), limitBytes),
    freeMemoryBytes: Math.min(freemem(), availableBytes),
  };
}
