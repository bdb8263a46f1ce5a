/** The models on this machine as files: headers are read once, broken ones are named, and what is added is whole and never over another. */
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addModel, type AddOptions } from '../../../../src/actors/models/add-model.js';
import copyModel from '../../../../src/actors/models/copy-model.js';
import { findModelFiles, listModels } from '../../../../src/actors/models/model-library.js';
import { ModelDisk } from '../../../../src/actors/models/model-disk.js';
import { ModelMemory } from '../../../../src/actors/models/model-memory.js';
import readBlocks from '../../../../src/actors/models/read-blocks.js';
import { writeModel } from '../../../../src/gguf/models.js';
import { filesHere } from '../../../../src/gguf/split.js';
import hashFile from '../../../../src/runtime/hash-file.js';
import { writeHostileModels } from '../../../support/hostile-models.js';
import { writeSplitModel } from '../../../support/split-model.js';

let home: string;
let models: string;
let memory: ModelMemory;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'qmesh-library-'));
  models = join(home, 'models');
  await mkdir(models);
  memory = new ModelMemory(home);
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** How many headers had to be read for it. */
async function list(): Promise<{ models: Awaited<ReturnType<typeof listModels>>; read: number }> {
  let read = 0;
  const found = await listModels([models], memory, (count) => (read = count));
  return { models: found, read };
}

describe('a folder of 200 models, some of them broken', () => {
  it('is read once; then only what has changed is read again, and what is broken has its reason', async () => {
    const good = join(home, 'good.gguf');
    await writeModel('bench-tiny', good);
    for (let i = 0; i < 200; i++) {
      const path = join(models, `model-${i}.gguf`);
      copyFileSync(good, path);
      if (i % 20 === 7) truncateSync(path, 1_000 + i);
    }
    const first = await list();
    expect(first.models).toHaveLength(200);
    expect(first.read).toBe(200);
    const broken = first.models.filter(({ problem }) => problem !== undefined);
    expect(broken).toHaveLength(10);
    for (const { problem, header } of broken)
      expect({ problem, header }).toEqual({ problem: expect.stringMatching(/\w{4,}/), header: undefined });

    expect(await list()).toEqual({ models: first.models, read: 0 });
    memory = new ModelMemory(home); // another process
    expect((await list()).read).toBe(0);

    copyFileSync(good, join(models, 'model-7.gguf'));
    const long = new Date(Date.now() - 60_000);
    utimesSync(join(models, 'model-8.gguf'), long, long);
    rmSync(join(models, 'model-9.gguf'));
    const later = await list();
    expect(later.read).toBe(2);
    expect(later.models).toHaveLength(199);
    expect(later.models.find(({ name }) => name === 'model-7')?.problem).toBeUndefined();
  });

  it('what stands in models.json is no more than a hint: where it is damaged, all is read again', async () => {
    await writeModel('bench-tiny', join(models, 'One.gguf'));
    const { models: before } = await list();
    writeFileSync(join(home, 'models.json'), '{"files": {"half of');
    expect(await list()).toEqual({ models: before, read: 1 });
    expect([...(await findModelFiles([models])).keys()]).toEqual(['one']);
  });

  it('where it cannot be written, it counts as long as this process runs', async () => {
    await mkdir(join(home, 'models.json'));
    await writeModel('bench-tiny', join(models, 'one.gguf'));
    memory.rememberHarmless('ab');
    expect((await list()).read).toBe(1);
    expect((await list()).read).toBe(0);
    expect(memory.isHarmless('ab')).toBe(true);
    expect(readdirSync(home).sort()).toEqual(['models', 'models.json']); // and no draft is left
  });
});

describe('a model in several files', () => {
  it('is hashed as one, and is another when any of its files is', async () => {
    const [first, second] = await writeSplitModel(models);
    const whole = join(home, 'whole');
    const writeWhole = (): void => writeFileSync(whole, Buffer.concat([readFileSync(first), readFileSync(second)]));
    writeWhole();
    const { sha256, bytes } = await hashFile({ paths: [whole] });
    expect(await hashFile({ paths: filesHere(first) })).toEqual({ sha256, bytes });
    expect(await readBlocks({ path: first })).toEqual(await readBlocks({ path: whole }));
    expect((await list()).models).toMatchObject([{ file: { bytes }, problem: undefined }]);

    const disk = new ModelDisk({ home, folders: [models], contextSize: undefined, slots: undefined });
    disk.readBlocks = (path) => readBlocks({ path });
    try {
      expect(await disk.contentOf(first)).toMatchObject({ sha256, bytes });
      const other = readFileSync(second);
      other.writeUInt8(other.at(-1)! ^ 1, other.length - 1);
      writeFileSync(second, other);
      utimesSync(second, 1, 1);
      writeWhole();
      expect((await disk.contentOf(first)).sha256).toBe((await hashFile({ paths: [whole] })).sha256);
      expect((await list()).read).toBe(1);
      rmSync(second);
      expect((await list()).models).toMatchObject([{ problem: expect.stringContaining('is missing') as string }]);
    } finally {
      await disk.close();
    }
  });
});

describe('adding a model', () => {
  const add = (from: string, options: Partial<AddOptions> = {}) =>
    addModel({
      from,
      name: 'added',
      folder: models,
      isLink: false,
      sha256: undefined,
      memory,
      copy: (source, to) => copyModel({ from: source, to }),
      hash: (path) => hashFile({ paths: [path] }),
      ...options,
    });
  const sourceOf = async (kind: 'bench-tiny' | 'demo'): Promise<string> => {
    const path = join(home, `${kind}.gguf`);
    await writeModel(kind, path);
    return path;
  };
  const left = (): string[] =>
    readdirSync(models, { recursive: true, encoding: 'utf8' }).filter((name) => name !== '.incoming');

  it('copies it whole, remembers its hash, and does nothing where the same bytes are there', async () => {
    const source = await sourceOf('bench-tiny');
    const { path, sha256, how } = await add(source);
    expect(readFileSync(path).equals(readFileSync(source))).toBe(true);
    expect(sha256).toBe((await hashFile({ paths: [source] })).sha256);
    expect(['copied', 'cloned']).toContain(how);
    expect(memory.files.get(path)).toMatchObject({ sha256, origin: sha256 });
    expect((await list()).read).toBe(0);
    expect(await add(source)).toMatchObject({ how: 'here already', sha256 });
    expect(await add(path)).toMatchObject({ how: 'here already' });
    expect(left()).toEqual(['added.gguf']);
  });

  it('links it where that is asked for: one file under two names', async () => {
    const source = await sourceOf('bench-tiny');
    const { path, how } = await add(source, { isLink: true });
    expect(how).toBe('linked');
    expect(statSync(path).ino).toBe(statSync(source).ino);
  });

  it('is never put over another model, and nothing of what is refused is left', async () => {
    const tiny = await sourceOf('bench-tiny');
    await add(tiny);
    await expect(add(await sourceOf('demo'))).rejects.toThrow(/another model added already; .*--as/);
    await expect(add(tiny, { name: 'known', sha256: 'ab'.repeat(32) })).rejects.toThrow(/not the known of the catalog/);
    const full = () => Promise.reject(new Error('ENOSPC'));
    await expect(add(tiny, { name: 'full', copy: full, hash: full })).rejects.toThrow(/ENOSPC/);
    expect(left()).toEqual(['added.gguf']);
    expect(existsSync(tiny)).toBe(true);
  });

  it('refuses what the reader refuses, before a byte is copied', async () => {
    const hostile = await writeHostileModels(join(home, 'hostile'));
    let copies = 0;
    for (const { path } of hostile.filter(({ refusedBy }) => refusedBy === 'reader'))
      await expect(add(path, { copy: () => Promise.reject(new Error(`copied ${++copies}`)) })).rejects.toThrow();
    expect(copies).toBe(0);
    expect(left()).toEqual([]);
  });
});
