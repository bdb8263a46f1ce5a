/**
 * Invariant: whatever bytes a file has, `inspectGguf` describes it or throws a GgufError; it takes no long time and no large
 * memory, whatever the file claims about itself. Files here are sound headers with bytes changed, cut out and moved.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GgufError } from '../../src/gguf/error.js';
import { inspectGguf } from '../../src/gguf/inspect.js';
import { encodeHeader } from '../../src/gguf/writer.js';
import { encodeGguf, soundModel } from '../support/hostile-models.js';
import { isSoak } from '../support/soak.js';

/** Some 3 ms each. */
const runs = isSoak ? 100_000 : 2_000;
const timeoutMs = 60_000 + runs * 20;
/** Of the processor, so that a machine at work on other things does not fail it. */
const maxCpuMs = 1000;
const maxGrowthBytes = 64 * 2 ** 20;

const sound = encodeGguf(soundModel());
const headerBytes = encodeHeader(soundModel()).length;

/** Places where a change tells: the fixed fields, the ends of names (where types, counts and lengths lie), and anywhere. */
const telling = [
  ...sound
    .subarray(0, headerBytes)
    .toString('latin1')
    .matchAll(/[a-z_]{6,}/g),
].map((match) => match.index + match[0].length);
const place = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  fc.tuple(fc.constantFrom(...telling), fc.integer({ min: 0, max: 40 })).map(([start, offset]) => start + offset),
  fc.integer({ min: 0, max: headerBytes - 1 }),
);
const bytes = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 12 }),
  fc.constantFrom(0, 1, 0x7f, 0xff).chain((byte) => fc.constantFrom(1, 4, 8).map((n) => new Uint8Array(n).fill(byte))),
);
const change = fc.record({ place, bytes });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qmesh-fuzz-'));
});
afterAll(() => rm(folder, { recursive: true }));

it(
  'describes a changed file or refuses it, within a second of the processor and 64 MiB',
  async () => {
    const path = join(folder, 'changed.gguf');
    const outcomes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), fc.nat(200), async (changes, cut) => {
        const file = Buffer.from(sound);
        for (const { place: at, bytes: content } of changes) file.set(content.subarray(0, file.length - at), at);
        await writeFile(path, cut < 20 ? file.subarray(0, (file.length * cut) / 20) : file);
        const [started, before] = [process.cpuUsage(), process.memoryUsage()];
        const outcome = await inspectGguf(path).then(
          () => 'passes',
          (error: unknown) => {
            expect(error).toBeInstanceOf(GgufError);
            return (error as GgufError).code;
          },
        );
        const [spent, after] = [process.cpuUsage(started), process.memoryUsage()];
        outcomes.add(outcome);
        expect((spent.user + spent.system) / 1000).toBeLessThan(maxCpuMs);
        expect(after.heapTotal + after.external - before.heapTotal - before.external).toBeLessThan(maxGrowthBytes);
      }),
      { numRuns: runs },
    );
    expect([...outcomes].sort()).toEqual(
      expect.arrayContaining(['passes', 'bad_metadata', 'bad_tensor', 'bad_tokenizer', 'limit_exceeded', 'truncated']),
    );
  },
  timeoutMs,
);
