/**
 * Checks whether this machine has room for a model, from what is known so far: what its source says, or the server's
 * first response.
 */
import { stat, statfs } from 'node:fs/promises';
import type { ModelSource } from '../../machines/fetch.js';
import { whyNoRoom } from '../../rules/model-fetch.js';
import { makeFolder } from '../../runtime/make-folder.js';
import { readMachine } from '../host/machine-facts.js';
import { incomingFolder, PartPlace } from './part-place.js';

/** @param toldBytes the file's length according to the server */
export async function findWhyNoRoom(
  modelsFolder: string,
  source: ModelSource,
  toldBytes?: number,
): Promise<string | undefined> {
  const folder = incomingFolder(modelsFolder);
  makeFolder(folder);
  const { bavail, bsize } = await statfs(folder);
  const part = await stat(new PartPlace(modelsFolder, source).path).catch(() => undefined);
  return whyNoRoom({
    fileBytes: toldBytes ?? (source.kind === 'mesh' ? source.content.bytes : (source.bytes ?? source.aboutBytes)) ?? 0,
    alreadyBytes: (part?.blocks ?? 0) * 512, // disk space used, not length: a part file is sparse
    freeDiskBytes: bavail * bsize,
    neededMemoryBytes: source.memoryBytes ?? toldBytes, // at least its weights
    memoryBytes: readMachine().memoryBytes,
  });
}
