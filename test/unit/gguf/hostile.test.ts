/** Every damaged or hostile file is refused with its code, its name and a reason, or is known to be for llama.cpp to judge. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GgufError } from '../../../src/gguf/error.js';
import { inspectGguf } from '../../../src/gguf/inspect.js';
import { encodeGguf, type HostileModel, soundModel, writeHostileModels } from '../../support/hostile-models.js';

let folder: string;
let models: HostileModel[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qmesh-hostile-'));
  models = await writeHostileModels(folder);
});
afterAll(() => rm(folder, { recursive: true }));

describe('hostile models', () => {
  it('are made from a model that nothing is wrong with', async () => {
    const path = join(folder, 'sound.gguf');
    await writeFile(path, encodeGguf(soundModel()));
    expect(await inspectGguf(path)).toMatchObject({ architecture: 'llama', blockCount: 1, headCount: 1 });
  });

  it('are refused by the reader, each for its own reason, or left to the engine', async () => {
    const seen = await Promise.all(
      models.map(async ({ name, path }) => {
        const error = await inspectGguf(path).then(
          () => undefined,
          (caught: unknown) => caught,
        );
        if (error === undefined) return [name, 'passes'];
        expect(error, name).toBeInstanceOf(GgufError);
        const { code, file, message } = error as GgufError;
        expect(file, name).toBe(path);
        expect(message, name).toMatch(/^\S+\.gguf: .+\. .+\.$/);
        return [name, code];
      }),
    );
    expect(seen).toEqual(models.map(({ name, code }) => [name, code ?? 'passes']));
  });

  it('are more than 40 kinds', () => {
    expect(models.length).toBeGreaterThan(40);
  });
});
