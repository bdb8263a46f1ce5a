/** The project's own models as files: whole or absent, the same bytes from the same seed, and described rightly. */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { benchModel } from '../../../src/gguf/bench-model.js';
import { demoLastNumber, expectedCount } from '../../../src/gguf/demo-model.js';
import { inspectGguf } from '../../../src/gguf/inspect.js';
import { expectedKeyed, keyedSteps } from '../../../src/gguf/keyed-model.js';
import { estimateMemoryBytes } from '../../../src/gguf/memory.js';
import { isModelKind, writeModel } from '../../../src/gguf/models.js';
import { readHeader } from '../../../src/gguf/reader.js';
import { buildVocabulary, chatmlTemplate } from '../../../src/gguf/vocabulary.js';
import { writeGguf } from '../../../src/gguf/writer.js';
import { soundModel } from '../../support/hostile-models.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qmesh-models-'));
});
afterAll(() => rm(folder, { recursive: true }));

const sha256 = async (path: string) =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');

describe('writing', () => {
  it.each(['demo', 'keyed', 'bench-tiny'] as const)('%s can be inspected, and is small', async (kind) => {
    const path = join(folder, `${kind}.gguf`);
    const bytes = await writeModel(kind, path);
    const info = await inspectGguf(path);
    expect(info).toMatchObject({ architecture: 'llama', name: `qmesh-${kind}`, contextLength: 8192, fileBytes: bytes });
    expect(info).toMatchObject({ chatTemplate: chatmlTemplate, tokenizer: { model: 'llama', bosId: 1, eosId: 2 } });
    expect(bytes).toBeLessThan(8e6);
    expect(info.tokenizer?.tokens).toBe(info.vocabSize);
  });

  it('gives the same bytes for the same seed, and others for another', async () => {
    const paths = await Promise.all(
      [7, 7, 8].map(async (seed, i) => {
        const path = join(folder, `seed-${i}.gguf`);
        await writeGguf(path, benchModel('tiny', seed));
        return path;
      }),
    );
    const [first, same, other] = await Promise.all(paths.map(sha256));
    expect(same).toBe(first);
    expect(other).not.toBe(first);
  });

  it('leaves nothing behind when it fails half way', async () => {
    const sound = soundModel();
    const short = sound.tensors.map((tensor, i) => (i === 5 ? { ...tensor, data: () => [new Uint8Array(3)] } : tensor));
    const before = await readdir(folder);
    await expect(writeGguf(join(folder, 'short.gguf'), { ...sound, tensors: short })).rejects.toThrow(RangeError);
    expect(await readdir(folder)).toEqual(before);
  });

  it('knows its kinds', () => {
    expect(['demo', 'bench-1b', 'nonesuch', 'toString'].map(isModelKind)).toEqual([true, true, false, false]);
  });
});

describe('known answers', () => {
  it('count from the next number to the last', () => {
    expect(expectedCount(5, 4)).toBe('6 7 8 9');
    expect(expectedCount(demoLastNumber - 2, 10)).toBe('2999 3000');
    expect(expectedCount(5, 0)).toBe('');
  });

  it('carry the key in each step, and end', () => {
    expect(expectedKeyed(3, 3)).toBe(' c3.00 c3.01 c3.02');
    expect(expectedKeyed(3, 9999).split(' ')).toHaveLength(keyedSteps + 1);
  });
});

describe('reading', () => {
  it('lets others run while it passes over a long vocabulary', async () => {
    const path = join(folder, 'long.gguf');
    const { tokens, metadata } = buildVocabulary(Array.from({ length: 150_000 }, (_, i) => `word-${i}`));
    const sound = soundModel();
    await writeGguf(path, { ...sound, metadata: { ...sound.metadata, ...metadata } });
    let turns = 0;
    let reading = true;
    const turn = (): void => {
      turns++;
      if (reading) setImmediate(turn);
    };
    setImmediate(turn);
    const header = await readHeader(path);
    reading = false;
    expect(header.arrays.get('tokenizer.ggml.tokens')?.length).toBe(tokens.length);
    expect(header.byteTokens).toBe(256);
    expect(turns).toBeGreaterThan(10); // 3 MB of texts in windows of 128 KiB
  });
});

describe('memory', () => {
  it('grows with sequences and context by exactly the key-value cache', async () => {
    const path = join(folder, 'memory.gguf');
    await writeModel('bench-tiny', path);
    const info = await inspectGguf(path);
    const one = estimateMemoryBytes(info, { contextSize: 2048, sequences: 1 });
    const four = estimateMemoryBytes(info, { contextSize: 4096, sequences: 2 });
    const perToken = 2 * 1 * (64 + 64) * 2; // blocks · kv heads · (key + value) · bytes of f16
    expect(four - one).toBe(perToken * (4096 * 2 - 2048));
    expect(one).toBeGreaterThan(info.tensorBytes);
  });
});
