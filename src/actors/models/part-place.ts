/**
 * Where a model being fetched is stored: next to the models, so that a single rename puts it in place. The fetching
 * process holds a lock, which is released when the process ends, however it ends.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tryLock } from 'fs-native-extensions';
import type { ModelSource } from '../../machines/fetch.js';
import { makeFolder } from '../../runtime/make-folder.js';

export const incomingFolder = (modelsFolder: string): string => join(modelsFolder, '.incoming');

export class PartPlace {
  readonly path: string;

  /** From the mesh the part file is sparse, from a web address it grows from its start: the two use different files. */
  constructor(modelsFolder: string, source: ModelSource) {
    const id =
      source.kind === 'mesh' ? source.content.tree : createHash('sha256').update(source.uri, 'utf8').digest('hex');
    this.path = join(incomingFolder(modelsFolder), `${id}.${source.kind}`);
  }

  /**
   * @returns a function that releases the lock
   * @throws Error if another process holds it
   */
  lock(): () => void {
    makeFolder(dirname(this.path));
    const fd = openSync(`${this.path}.lock`, 'a+', 0o600); // kept: a lock on an unlinked file protects nothing
    if (tryLock(fd, 0, 1)) return () => closeSync(fd);
    closeSync(fd);
    throw new Error('another process on this machine is fetching it already; wait for that one');
  }
}
