/**
 * Creates a folder and its missing parents. Node's `recursive` never returns if an existing parent refuses new folders
 * and reports ENOENT, as /proc does.
 */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { isCode } from './errors.js';

/** @returns the topmost folder created; undefined if it existed. @throws the system's error */
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
