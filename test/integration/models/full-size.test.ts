/**
 * What must be seen working, at full size: 500 MB between the commands that people use, as processes that know nothing but the network. It
 * takes a quarter of an hour and 3 GB of disk; the same with less is in mesh-fetch.test.ts, pull.test.ts and liars.test.ts. Figures are printed.
 */
import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, closeSync, copyFileSync, createReadStream, mkdirSync, openSync, readFileSync, utimesSync, writeFileSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectedCount } from '../../../src/gguf/demo-model.js';
import { writeModel } from '../../../src/gguf/models.js';
import { dist } from '../../support/dist.js';
import { closeMesh, mebibyte, newFolder } from '../../support/model-mesh.js';
import { until } from '../../support/real-network.js';
import { ScriptProcess } from '../../support/script-process.js';
import { isSoak } from '../../support/soak.js';

const root = resolve(import.meta.dirname, '../../..');
const command = join(dist, 'cli/qmesh.js');
const fileBytes = 500 * mebibyte;
const longMs = 400_000;

let dht: ScriptProcess | undefined;
let bootstrap: string;
/** In the models folder of `origin`. */
let file: string;
let origin: string;
let sha256: string;

const say = (what: string): void => void process.stderr.write(`${what}\n`);
const megabytes = (...bytes: readonly number[]): string => `${bytes.map((one) => (one / 1e6).toFixed(1)).join(' and ')} MB`;

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: mebibyte })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Names of the command's arguments, and what it prints, as everywhere; its home is `home`. */
const qmesh = (home: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): ScriptProcess =>
  new ScriptProcess(command, args, {
    ...{ QMESH_HOME: home, QMESH_BOOTSTRAP: bootstrap, QMESH_HOST: '127.0.0.1', QMESH_ADMIN: 'off', QMESH_THREADS: '1' },
    ...env,
  });
const pull = (home: string): ScriptProcess => qmesh(home, ['models', 'pull', 'big', '--json']);
async function share(home: string, kilobytesPerSecond?: number): Promise<ScriptProcess> {
  const limit = kilobytesPerSecond === undefined ? [] : ['--up-kbps', String(kilobytesPerSecond)];
  const seeder = qmesh(home, ['models', 'share', '--json', ...limit]);
  await seeder.says('sharing');
  return seeder;
}
/** A node that may be at fault: it offers a file, which may be another one by then, or stalls after so many bytes. */
async function seed(path: string, ...limits: readonly string[]): Promise<void> {
  const seeder = new ScriptProcess(join(root, 'test/support/model-seeder.mjs'), [dist, bootstrap, newFolder(), path, ...limits]);
  await until(() => seeder.last('seeding') !== undefined, `seeding; ${seeder.errors}`, longMs); // it hashes the file first
}
/** Ends it as Ctrl-C does. @returns what it has sent. */
async function sentBy(seeder: ScriptProcess): Promise<number> {
  seeder.child.kill('SIGINT');
  await seeder.exit;
  return Number(seeder.last('ended')?.sentBytes);
}

const bytesOf = (puller: ScriptProcess): number => Number(puller.last('progress')?.bytes ?? 0);
const placeOf = (home: string): string => join(home, 'models/big.gguf');

beforeAll(async () => {
  if (!isSoak) return;
  dht = new ScriptProcess(command, ['dht', '--port', '0', '--host', '127.0.0.1', '--json']);
  ScriptProcess.running.delete(dht);
  bootstrap = (await dht.says('dht.ready')).bootstrap as string;
  origin = newFolder();
  const source = join(newFolder(), 'source.gguf');
  await writeModel('demo', source);
  for (let left = fileBytes - readFileSync(source).length; left > 0; left -= 8 * mebibyte)
    appendFileSync(source, randomBytes(Math.min(left, 8 * mebibyte)));
  sha256 = await hashOf(source);
  const added = qmesh(origin, ['models', 'add', source, '--as', 'big', '--json']);
  expect(await added.exit, added.errors).toBe(0);
  file = placeOf(origin);
}, longMs);
afterEach(async () => {
  for (const script of [...ScriptProcess.running]) await script.kill();
});
afterAll(async () => {
  await dht?.kill();
  await closeMesh();
});

describe.runIf(isSoak)('500 MB', () => {
  it('goes from A to B and C by its name; A is killed half-way and comes back; B serves it', async () => {
    const first = await share(origin, 30_000);
    const [b, c] = [newFolder(), newFolder()];
    const pullers = [pull(b), pull(c)];
    await until(() => pullers.every((it) => bytesOf(it) > fileBytes / 2), 'half of it', longMs);
    await first.kill();
    const atKill = pullers.map(bytesOf);
    let alone: number[];
    do {
      alone = pullers.map(bytesOf);
      await new Promise((resolve) => setTimeout(resolve, 25_000));
    } while (String(alone) !== String(pullers.map(bytesOf)));
    say(`A killed at ${megabytes(...atKill)}; B and C went on to ${megabytes(...alone)} without it`);
    expect(Math.abs(alone[0]! - alone[1]!)).toBeLessThanOrEqual(4 * mebibyte); // what one has, the other has
    await share(origin);
    expect(await Promise.all(pullers.map((it) => it.exit))).toEqual([0, 0]);
    expect(await Promise.all([b, c].map((home) => hashOf(placeOf(home))))).toEqual([sha256, sha256]);

    const worker = qmesh(b, ['worker', '--model', 'big', '--slots', '1', '--context', '256']);
    await worker.says('worker.ready');
    const asked = qmesh(c, ['ask', '--json', '--model', 'big', '--max-tokens', '3', '--temperature', '0', 'count from 5']);
    expect(await asked.exit, asked.errors).toBe(0);
    expect(String(asked.lines.at(-1)?.text).trim()).toBe(expectedCount(5, 3).trim());
  }, 2 * longMs);

  it('comes through five kills: what was fetched is not fetched again', async () => {
    const seeder = await share(origin);
    const home = newFolder();
    let kept = 0;
    for (let kills = 1; kills <= 5; kills++) {
      const victim = pull(home);
      const target = kept + mebibyte * (10 + Math.random() * 80);
      await until(() => bytesOf(victim) >= target, `${megabytes(target)}; ${victim.errors}`, longMs);
      await victim.kill();
      kept = bytesOf(victim);
    }
    const end = pull(home);
    expect(await end.exit, end.errors).toBe(0);
    expect(Number(end.lines.find(({ event }) => event === 'progress')?.bytes)).toBeGreaterThanOrEqual(kept);
    expect(await hashOf(placeOf(home))).toBe(sha256);
    const again = ((await sentBy(seeder)) - fileBytes) / mebibyte;
    say(`five kills: ${again.toFixed(2)} blocks received again in all`);
    expect(again).toBeLessThanOrEqual(5 * 2); // at each kill one may have arrived and not be in the database, and another one have just arrived
  }, longMs);

  it('goes to three at once, and its origin sends it hardly more than once', async () => {
    const seeder = await share(origin, 10_000);
    const homes = [newFolder(), newFolder(), newFolder()];
    const ends = await Promise.all(homes.map((home) => pull(home).exit));
    expect(ends).toEqual([0, 0, 0]);
    for (const home of homes) expect(await hashOf(placeOf(home))).toBe(sha256);
    const times = (await sentBy(seeder)) / fileBytes;
    say(`three at once: the origin sent ${times.toFixed(3)} times the file`);
    expect(times).toBeLessThan(1.3);
  }, longMs);

  it('is completed by an honest node beside one of bad blocks and one that stalls at 98 %; both are named', async () => {
    const bad = join(newFolder(), 'big.gguf');
    copyFileSync(file, bad);
    utimesSync(bad, 1, 1);
    await seed(bad);
    const handle = openSync(bad, 'r+');
    for (let block = 1; block < 500; block += 2) writeSync(handle, 'other bytes', block * mebibyte + 9);
    closeSync(handle);
    utimesSync(bad, 1, 1); // its node does not see that it is another file
    await seed(file, '1e12', String(0.98 * fileBytes));
    const puller = pull(newFolder());
    await until(() => puller.lines.some(({ what }) => String(what).includes('bad block')), 'the liar is named', longMs);
    await until(() => puller.lines.some(({ what }) => String(what).includes('stopped sending')), 'the stalling one is named', longMs);
    say(`alone with them: ${megabytes(bytesOf(puller))}`);
    await share(origin);
    expect(await puller.exit, puller.errors).toBe(0);
    expect(puller.last('fetched')).toMatchObject({ sha256 });
  }, 2 * longMs);

  it('fails with a reason where there is nobody but a node of bad blocks, within four minutes', async () => {
    const bad = join(newFolder(), 'big.gguf');
    copyFileSync(file, bad);
    utimesSync(bad, 1, 1);
    await seed(bad);
    writeFileSync(bad, randomBytes(8 * mebibyte), { flag: 'r+' });
    utimesSync(bad, 1, 1);
    const startMs = performance.now();
    const puller = pull(newFolder());
    expect(await puller.exit).toBe(1);
    say(`alone with bad blocks: ${((performance.now() - startMs) / 1_000).toFixed(0)} s, ${JSON.stringify(puller.lines.at(-1))} ${puller.errors}`);
    expect(performance.now() - startMs).toBeLessThan(240_000);
    expect(JSON.stringify(puller.lines)).toContain('sent a bad block');
  }, longMs);

  it('is one of 200 files, some of them broken, in a list that is there at once', async () => {
    const home = newFolder();
    const folder = join(home, 'models');
    mkdirSync(folder);
    await writeModel('demo', join(folder, 'model-0.gguf'));
    for (let i = 1; i < 200; i++) {
      const path = join(folder, `model-${i}.gguf`);
      if (i % 10 === 0) writeFileSync(path, 'GGUF but not a model');
      else copyFileSync(join(folder, 'model-0.gguf'), path);
    }
    const list = async (): Promise<{ readonly local: readonly { readonly problem: string | null }[]; readonly ms: number }> => {
      const startMs = performance.now();
      const listing = qmesh(home, ['models', 'list', '--json']);
      expect(await listing.exit).toBe(0);
      const ms = performance.now() - startMs;
      return { ...(listing.lines[0] as unknown as { local: { problem: string | null }[] }), ms };
    };
    const [first, again] = [await list(), await list()];
    say(`200 files: ${first.ms.toFixed(0)} ms, then ${again.ms.toFixed(0)} ms, Node's start included`);
    expect(again.local.filter(({ problem }) => problem !== null)).toHaveLength(19);
    expect(again.local).toHaveLength(200);
    expect(again.ms).toBeLessThan(5_000);
  }, longMs);
});
