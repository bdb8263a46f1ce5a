/**
 * A folder, and those above it that are missing. Node's own `recursive` never returns where a folder that is there does not take new ones
 * and says that it is not (ENOENT), as /proc does.
 */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { isCode } from './errors.js';

/** @returns the uppermost folder that was made; undefined where it was there. @throws what the system says */
export function makeFolder(path: string, mode?: number): string | undefined {
  try {
    mkdirSync(path, { mode });
    return path;
  } catch (error) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return undefined;
    const above = dirname(path);
    if (!isCode(error, 'ENOENT') || existsSync(above)) throw error;
    const made = makeFolder(above, mode);
    return makeFolder(path, mode) && made;
  }
}
