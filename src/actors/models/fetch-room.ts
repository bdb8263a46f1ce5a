/** Whether there is room for a model on this machine, by what is known of it so far: its source says, or the server with its first answer. */
import { stat, statfs } from 'node:fs/promises';
import type { ModelSource } from '../../machines/fetch.js';
import { whyNoRoom } from '../../rules/model-fetch.js';
import { makeFolder } from '../../runtime/make-folder.js';
import { readMachine } from '../host/machine-facts.js';
import { incomingFolder, PartPlace } from './part-place.js';

/** @param toldBytes what the server says of the file's length. */
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
    alreadyBytes: (part?.blocks ?? 0) * 512, // what it takes, not how long it is: a part has holes
    freeDiskBytes: bavail * bsize,
    neededMemoryBytes: source.memoryBytes ?? toldBytes, // its weights, at the least
    memoryBytes: readMachine().memoryBytes,
  });
}
