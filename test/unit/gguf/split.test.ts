/** Models in several files: the first stands for all of them, and nothing else does. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inspectGguf } from '../../../src/gguf/inspect.js';
import { filesOf, partOf } from '../../../src/gguf/split.js';
import { encodeGguf, soundModel } from '../../support/hostile-models.js';
import { writeSplitModel } from '../../support/split-model.js';

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'qmesh-split-'))));
afterEach(() => rm(folder, { recursive: true }));

const { metadata, tensors } = soundModel();
const pathOf = (number: number): string => join(folder, `model-0000${number}-of-00002.gguf`);

describe('a model in several files', () => {
  it('is what its parts are together', async () => {
    await writeSplitModel(folder);
    await writeFile(join(folder, 'one.gguf'), encodeGguf({ metadata, tensors }));
    const [whole, one] = [await inspectGguf(pathOf(1)), await inspectGguf(join(folder, 'one.gguf'))];
    expect(whole.tensorBytes).toBe(one.tensorBytes);
    expect(whole.fileBytes).toBeGreaterThan(one.fileBytes);
  });

  it('is not any but the first of them', async () => {
    await writeSplitModel(folder);
    await expect(inspectGguf(pathOf(2))).rejects.toThrow('it is part 2 of 2 of a model');
  });

  it.each([
    ['a part is missing', () => rm(pathOf(2)), 'model-00002-of-00002.gguf is missing'],
    ['a part is damaged', () => writeFile(pathOf(2), 'GGUF'), 'model-00002-of-00002.gguf is of no use: it has 4 bytes'],
    ['a part is another model', () => writeFile(pathOf(2), encodeGguf({ metadata, tensors })), 'is not part 2 of 2'],
    ['it is called otherwise', () => rename(pathOf(1), join(folder, 'renamed.gguf')), 'not called so'],
  ])('is refused where %s', async (_, change, reason) => {
    await writeSplitModel(folder);
    await change();
    const path = reason === 'not called so' ? join(folder, 'renamed.gguf') : pathOf(1);
    await expect(inspectGguf(path)).rejects.toThrow(reason);
  });

  it('is told by its name', () => {
    expect(partOf('Big-00001-of-00003.gguf')).toEqual({ isFirst: true });
    expect(partOf('big-00002-of-00003')).toEqual({ isFirst: false });
    expect(partOf('gpt-of-00003.gguf')).toBeUndefined();
    expect(filesOf('/m/x-00001-of-00002.gguf')).toEqual(['/m/x-00001-of-00002.gguf', '/m/x-00002-of-00002.gguf']);
    expect(filesOf('/m/x.gguf')).toEqual(['/m/x.gguf']);
  });
});
