/** `qmesh models pull`, from real processes on a DHT of their own: by name, through kills, and from a hub. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { writeModel } from '../../../src/gguf/models.js';
import { dist } from '../../support/dist.js';
import { ModelHub } from '../../support/model-hub.js';
import { closeMesh, mebibyte, newFolder } from '../../support/model-mesh.js';
import { until } from '../../support/real-network.js';
import { ScriptProcess } from '../../support/script-process.js';

const root = resolve(import.meta.dirname, '../../..');
const command = join(dist, 'cli/qmesh.js');

let dht: ScriptProcess;
let bootstrap: string;
/** Gives up after 20 s, while the others are tried. */
let lonely: ScriptProcess;
const lonelyHome = mkdtempSync(join(tmpdir(), 'qmesh-lonely-'));

beforeAll(async () => {
  dht = new ScriptProcess(command, ['dht', '--port', '0', '--host', '127.0.0.1', '--json']);
  ScriptProcess.running.delete(dht);
  bootstrap = (await dht.says('dht.ready')).bootstrap as string;
  lonely = pull(lonelyHome, 'no-such-model');
  ScriptProcess.running.delete(lonely);
});

afterEach(async () => {
  for (const script of [...ScriptProcess.running]) await script.kill();
  await closeMesh();
});

afterAll(async () => {
  await Promise.all([dht.kill(), lonely.kill()]);
  rmSync(lonelyHome, { recursive: true });
});

/** A valid model, made larger by a tail that no tensor uses: what a header says of a file is a lower bound. */
async function writeLargeModel(bytes: number, name = 'source'): Promise<{ path: string; sha256: string }> {
  const path = join(newFolder(), `${name}.gguf`);
  await writeModel('demo', path);
  const model = readFileSync(path);
  const content = Buffer.concat([model, randomBytes(Math.max(0, bytes - model.length))]);
  writeFileSync(path, content);
  return { path, sha256: createHash('sha256').update(content).digest('hex') };
}

async function seed(path: string, bytesPerSecond?: number): Promise<ScriptProcess> {
  const rate = bytesPerSecond === undefined ? [] : [String(bytesPerSecond)];
  const script = join(root, 'test/support/model-seeder.mjs');
  const seeder = new ScriptProcess(script, [dist, bootstrap, newFolder(), path, ...rate]);
  await seeder.says('seeding');
  return seeder;
}

const pull = (home: string, wanted: string, env: Readonly<Record<string, string>> = {}): ScriptProcess =>
  new ScriptProcess(command, ['models', 'pull', wanted, '--json'], {
    QMESH_HOME: home,
    QMESH_BOOTSTRAP: bootstrap,
    QMESH_HOST: '127.0.0.1',
    ...env,
  });

describe('qmesh models pull', () => {
  it('finds a model by its name in the mesh, and goes on after each of five kills', async () => {
    const { path, sha256 } = await writeLargeModel(48 * mebibyte, 'mesh-model');
    const seeder = await seed(path, 12 * mebibyte);
    const home = newFolder();
    for (let kills = 1; kills <= 5; kills++) {
      const victim = pull(home, 'mesh-model');
      const target = kills * 6 * mebibyte;
      await until(() => Number(victim.last('progress')?.bytes ?? 0) >= target, `${target} bytes; ${victim.errors}`, 30_000);
      await victim.kill();
    }
    const last = pull(home, 'mesh-model');
    expect(await last.exit).toBe(0);
    expect(last.last('fetched')).toMatchObject({ sha256, path: join(home, 'models/mesh-model.gguf') });
    expect(Number(last.lines.find(({ event }) => event === 'progress')?.bytes)).toBeGreaterThan(25 * mebibyte);
    expect(readFileSync(join(home, 'models/mesh-model.gguf')).equals(readFileSync(path))).toBe(true);
    expect(readdirSync(join(home, 'models/.incoming')).filter((file) => !file.endsWith('.lock'))).toEqual([]);
    // two blocks are on their way at a time, and one may be written and not yet in the database
    const { sent } = await seeder.says('sent');
    expect(Number(sent)).toBeLessThan(48 * mebibyte + 5 * 5 * mebibyte);
    const again = pull(home, 'Mesh-Model');
    expect(await again.exit).toBe(0);
    expect(again.lines.map(({ event }) => event)).toEqual(['here', 'fetched']);
    expect(readdirSync(join(home, 'models')).filter((name) => name.endsWith('.gguf'))).toEqual(['mesh-model.gguf']);
  }, 120_000);

  it('takes it from a hub where nobody in the mesh has it, and leaves nothing of a file that is not what was promised', async () => {
    const { path, sha256 } = await writeLargeModel(3 * mebibyte);
    const hub = await new ModelHub(readFileSync(path)).open();
    const store = await new ModelHub(readFileSync(path)).open();
    const home = newFolder();
    const env = { HF_ENDPOINT: hub.endpoint, HF_TOKEN: 'not-to-be-seen' };
    try {
      hub.faults = [{ redirect: `${store.endpoint}/blob` }];
      hub.linkedSha256 = 'ab'.repeat(32);
      const wrong = pull(home, 'hf:user/repository/hub-model.gguf', env);
      expect(await wrong.exit).toBe(1);
      expect(JSON.stringify(wrong.lines)).toContain('is not the file that was promised');
      expect(existsSync(join(home, 'models/hub-model.gguf'))).toBe(false);
      hub.faults = [{ redirect: `${store.endpoint}/blob` }];
      hub.linkedSha256 = sha256;
      const right = pull(home, 'hf:user/repository/hub-model.gguf', env);
      expect(await right.exit).toBe(0);
      expect(right.last('fetched')).toMatchObject({ sha256 });
      expect(`${JSON.stringify([...wrong.lines, ...right.lines])}${wrong.errors}${right.errors}`).not.toContain('not-to-be-seen');
    } finally {
      await hub.close();
      await store.close();
    }
  }, 120_000);

  it('keeps what has arrived at Ctrl-C, and says that it goes on from there', async () => {
    const { path } = await writeLargeModel(24 * mebibyte, 'stopped');
    await seed(path, 4 * mebibyte);
    const home = newFolder();
    const stopped = pull(home, 'stopped');
    await until(() => Number(stopped.last('progress')?.bytes ?? 0) > 2 * mebibyte, 'some of it', 30_000);
    stopped.child.kill('SIGINT');
    expect(await stopped.exit).toBe(130);
    const again = pull(home, 'stopped');
    await until(() => again.last('progress') !== undefined, 'it goes on', 30_000);
    expect(Number(again.lines.find(({ event }) => event === 'progress')?.bytes)).toBeGreaterThanOrEqual(2 * mebibyte);
  }, 120_000);

  it('says who has it not, and what to do', async () => {
    expect(await lonely.exit).toBe(1);
    expect(lonely.last('searching')).toBeDefined();
    expect(JSON.stringify(lonely.lines)).toContain('nobody in the mesh offers no-such-model (');
  }, 60_000);
});
