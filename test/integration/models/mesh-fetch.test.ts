/** Models fetched from seeders that are good, bad, slow, and gone: over Noise streams, without a DHT. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, utimesSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, describe, expect, it } from 'vitest';
import { throttleAt, type Throttle } from '../../../src/actors/models/throttle.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { seededRandom } from '../../../src/runtime/random.js';
import { closeMesh, connect, mebibyte, MeshNode, newFolder, writeRandomFile } from '../../support/model-mesh.js';
import { until } from '../../support/real-network.js';

afterEach(closeMesh);

const sameBytes = (a: string, b: string): boolean => readFileSync(a).equals(readFileSync(b));

/** A seeder's file, before and after it is hashed: of one size and one time, so that its own node does not see the difference. */
function damage(path: string, blocks: readonly number[]): void {
  const file = openSync(path, 'r+');
  for (const block of blocks) writeSync(file, Buffer.from('other bytes'), 0, 11, block * mebibyte + 9);
  closeSync(file);
}
const sameTime = (path: string): void => utimesSync(path, 1, 1);

/** Lets this many bytes pass, then nothing. */
function stallAfter(bytes: number): Throttle {
  let left = bytes;
  return { take: (count) => ((left -= count) >= 0 ? Promise.resolve() : new Promise(() => {})) };
}

/** Root may make a disk of any size. */
const mayMount = process.platform === 'linux' && process.getuid?.() === 0 && canMount();

function canMount(): boolean {
  try {
    smallDisk(newFolder(), 1).remove();
    return true;
  } catch {
    return false; // in a container, say
  }
}

function smallDisk(path: string, mebibytes: number): { readonly path: string; resize(mebibytes: number): void; remove(): void } {
  const run = (command: string, ...args: readonly string[]): void => void execFileSync(command, args, { stdio: 'ignore' });
  run('mount', '-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'qmesh-test', path);
  return {
    path,
    resize: (to) => run('mount', '-o', `remount,size=${to}m`, path),
    remove: () => run('umount', '-l', path),
  };
}

function counting(throttle?: Throttle): Throttle & { readonly bytes: number } {
  let bytes = 0;
  return {
    take(count) {
      bytes += count;
      return throttle?.take(count) ?? Promise.resolve();
    },
    get bytes() {
      return bytes;
    },
  };
}

function copyOf(path: string): string {
  const copy = writeRandomFile(1);
  writeFileSync(copy, readFileSync(path));
  return copy;
}

describe('a model in the mesh', () => {
  it('comes from several seeders that know nothing of each other, some from each', async () => {
    const path = writeRandomFile(48 * mebibyte + 4_321);
    const [a, b, fetcher] = [new MeshNode(), new MeshNode(), new MeshNode()];
    const [sentByA, sentByB] = [counting(), counting()];
    const { content } = await a.seed(path, sentByA);
    await b.seed(copyOf(path), sentByB);
    await connect(a, fetcher);
    await connect(b, fetcher);
    const fetch = await fetcher.fetch(content);
    expect(await fetch.end).toBe('done');
    expect(sameBytes(path, fetcher.part)).toBe(true);
    expect(fetch.last).toEqual({ bytes: content.bytes, seeders: 2 });
    expect(sentByA.bytes + sentByB.bytes).toBeLessThan(content.bytes * 1.1);
    expect(Math.min(sentByA.bytes, sentByB.bytes)).toBeGreaterThan(content.bytes / 10);
  });

  it('is passed on by those who have only a part: the origin sends it hardly more than once', async () => {
    const path = writeRandomFile(64 * mebibyte);
    const origin = new MeshNode();
    const sent = counting(throttleAt(8 * mebibyte, systemClock)); // slower than they pass it on
    const { content } = await origin.seed(path, sent);
    const fetchers = [new MeshNode(), new MeshNode(), new MeshNode()];
    for (const [i, fetcher] of fetchers.entries()) {
      await connect(origin, fetcher);
      for (const other of fetchers.slice(0, i)) await connect(other, fetcher);
    }
    const fetches = await Promise.all(
      fetchers.map((fetcher, i) => fetcher.fetch(content, { random: seededRandom(i) })),
    );
    expect(await Promise.all(fetches.map(({ end }) => end))).toEqual(['done', 'done', 'done']);
    for (const { part } of fetchers) expect(sameBytes(path, part)).toBe(true);
    // 2 blocks a fetcher are on their way at a time, 6 of the 64 here: the fewer a file has, the more often two ask for the same one
    expect(sent.bytes / content.bytes).toBeLessThan(1.6);
  });

  it('comes as far as those who are left have it, whatever was asked for first', async () => {
    const path = writeRandomFile(90 * mebibyte);
    const [origin, partial, fetcher] = [new MeshNode(), new MeshNode(), new MeshNode()];
    const { content } = await origin.seed(path, stallAfter(10 * mebibyte));
    const line = await connect(origin, partial);
    const part = await partial.fetch(content);
    await until(() => part.last.bytes === 10 * mebibyte, 'the part that the origin sends');
    line.cut();
    await connect(partial, fetcher);
    const fetch = await fetcher.fetch(content, { random: seededRandom(7) });
    await until(() => fetch.last.bytes === 10 * mebibyte, 'all that the other has', 30_000);
    await fetch.stop();
  });

  it('goes on where it was stopped, and asks for nothing twice', async () => {
    const path = writeRandomFile(40 * mebibyte);
    const [seeder, fetcher] = [new MeshNode(), new MeshNode()];
    const sent = counting(throttleAt(60 * mebibyte, systemClock));
    const { content } = await seeder.seed(path, sent);
    let connection = await connect(seeder, fetcher);
    let stops = 0;
    for (;;) {
      const fetch = await fetcher.fetch(content, { random: seededRandom(stops) });
      if (stops === 3) {
        expect(await fetch.end).toBe('done');
        break;
      }
      const target = ++stops * 9 * mebibyte;
      await until(() => fetch.last.bytes >= target, `${target} bytes`);
      connection.cut();
      await fetch.stop();
      connection = await connect(seeder, fetcher);
    }
    expect(sameBytes(path, fetcher.part)).toBe(true);
    // what was open when it stopped is asked for again: at most 16 blocks at one seeder, usually 4
    expect(sent.bytes).toBeLessThan(content.bytes + 3 * 8 * mebibyte);
  });

  it('bans a seeder of bad blocks, names it, and is completed by an honest one', async () => {
    const path = writeRandomFile(24 * mebibyte);
    const bad = copyOf(path);
    const [honest, liar, fetcher] = [new MeshNode(), new MeshNode(), new MeshNode()];
    const { content } = await honest.seed(path);
    sameTime(bad);
    await liar.seed(bad);
    damage(bad, [3, 4, 9, 23]);
    sameTime(bad);
    const { keyOfA } = await connect(liar, fetcher);
    const fetch = await fetcher.fetch(content);
    await until(() => fetch.blamed.length > 0, 'the liar is caught');
    await until(() => !fetcher.swarm.peers.has(keyOfA), 'the liar is gone');
    await connect(honest, fetcher);
    expect(await fetch.end).toBe('done');
    expect(new Set(fetch.blamed)).toEqual(new Set([`${keyOfA} sent a bad block`]));
    expect(sameBytes(path, fetcher.part)).toBe(true);
  });

  it('leaves a seeder that stops before the end for another one', async () => {
    const path = writeRandomFile(24 * mebibyte);
    const [stalling, honest, fetcher] = [new MeshNode(), new MeshNode(), new MeshNode()];
    const { content } = await stalling.seed(path, stallAfter(23 * mebibyte));
    await honest.seed(copyOf(path));
    const { keyOfA } = await connect(stalling, fetcher);
    const fetch = await fetcher.fetch(content, { stallLimits: { seederStallMs: 500, onlySeederStallMs: 1_500 } });
    await until(() => fetch.last.bytes === 23 * mebibyte, 'the part that the first one sends');
    await until(() => fetch.blamed.length > 0, 'it is seen to have stalled');
    expect(fetch.blamed).toEqual([`${keyOfA} stopped sending`]);
    await connect(honest, fetcher);
    expect(await fetch.end).toBe('done');
    expect(sameBytes(path, fetcher.part)).toBe(true);
  });

  it('takes nothing from seeders that are not trusted, where some are', async () => {
    const path = writeRandomFile(3 * mebibyte);
    const stranger = new MeshNode();
    const { content } = await stranger.seed(path);
    const fetcher = new MeshNode(['ab'.repeat(32)]);
    await connect(stranger, fetcher);
    const fetch = await fetcher.fetch(content);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(fetch.last).toEqual({ bytes: 0, seeders: 0 });
    await fetch.stop();
  });

  it('fails when the disk does, and blames no seeder', async () => {
    const path = writeRandomFile(8 * mebibyte);
    const [seeder, fetcher] = [new MeshNode(), new MeshNode()];
    const { content } = await seeder.seed(path);
    await connect(seeder, fetcher);
    const fetch = await fetcher.fetch(content);
    await fetch.core.file.close(); // as if it were taken away
    const end = await fetch.end;
    expect(String(end)).toContain('cannot write');
    expect(fetch.blamed).toEqual([]);
  });

  it.skipIf(!mayMount)('stops where the disk is full, says so, and goes on when there is room', async () => {
    const path = writeRandomFile(24 * mebibyte);
    const [seeder, fetcher] = [new MeshNode(), new MeshNode()];
    const sent = counting();
    const { content } = await seeder.seed(path, sent);
    const disk = smallDisk(newFolder(), 14);
    try {
      fetcher.part = join(disk.path, 'model.part');
      await connect(seeder, fetcher);
      const first = await fetcher.fetch(content);
      expect(String(await first.end)).toMatch(/the disk of .*model\.part is full; make room/);
      expect(first.blamed).toEqual([]);
      await first.stop();
      disk.resize(40);
      const again = await fetcher.fetch(content);
      expect(await again.end).toBe('done');
      expect(sameBytes(path, fetcher.part)).toBe(true);
      await again.stop();
      expect(sent.bytes).toBeLessThan(content.bytes + 6 * mebibyte); // what was on its way when it was full
    } finally {
      disk.remove();
    }
  });

  it('is fetched no faster than the limit', async () => {
    const path = writeRandomFile(8 * mebibyte);
    const [seeder, fetcher] = [new MeshNode(), new MeshNode()];
    const { content } = await seeder.seed(path);
    await connect(seeder, fetcher);
    const startMs = performance.now();
    const fetch = await fetcher.fetch(content, { download: throttleAt(8 * mebibyte, systemClock) });
    expect(await fetch.end).toBe('done');
    expect(performance.now() - startMs).toBeGreaterThan(700); // 1 s, less what may run ahead
  });
});
