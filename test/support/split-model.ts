/** A small sound model in two files, as `gguf-split` does it: the metadata in the first, the tensors where they fit. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Metadata } from '../../src/gguf/writer.js';
import { encodeGguf, soundModel } from './hostile-models.js';

const split = (number: number, count = 2): Metadata => ({
  'split.no': { type: 'uint32', value: number },
  'split.count': { type: 'uint32', value: count },
});

/** @returns their paths, the first first. */
export async function writeSplitModel(folder: string): Promise<readonly [string, string]> {
  const { metadata, tensors } = soundModel();
  const [first, second] = [1, 2].map((number) => join(folder, `model-0000${number}-of-00002.gguf`)) as [string, string];
  await writeFile(first, encodeGguf({ metadata: { ...metadata, ...split(0) }, tensors: tensors.slice(0, 5) }));
  await writeFile(second, encodeGguf({ metadata: split(1), tensors: tensors.slice(5) }));
  return [first, second];
}
