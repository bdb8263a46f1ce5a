/**
 * Where a model grows until it is whole: beside the models, so that putting it in its place is one rename. Locked by the process that
 * fetches it; the lock ends with the process, however that ends.
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

  /** A part of a core has holes, one of a web address grows from its start: they are different files. */
  constructor(modelsFolder: string, source: ModelSource) {
    const id =
      source.kind === 'mesh' ? source.content.tree : createHash('sha256').update(source.uri, 'utf8').digest('hex');
    this.path = join(incomingFolder(modelsFolder), `${id}.${source.kind}`);
  }

  /** @returns what lets it go. @throws Error where another process has it. */
  lock(): () => void {
    makeFolder(dirname(this.path));
    const fd = openSync(`${this.path}.lock`, 'a+', 0o600); // kept: a lock on a file that was unlinked guards nothing
    if (tryLock(fd, 0, 1)) return () => closeSync(fd);
    closeSync(fd);
    throw new Error('another process on this machine is fetching it already; wait for that one');
  }
}
