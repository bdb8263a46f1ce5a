/** This machine's facts as rules/choose.ts needs them, within the limits of the container. */
import { freemem, totalmem } from 'node:os';
import type { MachineFacts } from '../../rules/choose.js';
import { memoryLimits, usableCores } from '../../runtime/container-limits.js';

/** @param root of the file system; tests pass another one. */
export function readMachine(root?: string): MachineFacts {
  const { limitBytes, availableBytes } = memoryLimits(root);
  return {
    cores: usableCores(root),
    memoryBytes: Math.min(totalmem(), limitBytes),
    freeMemoryBytes: Math.min(freemem(), availableBytes),
  };
}
