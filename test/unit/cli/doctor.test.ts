/** Each check of the doctor, with its fault made for real where this machine lets one make it. */
import { createServer } from 'node:net';
import { chmodSync, mkdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { askDevices } from '../../../src/actors/host/devices.js';
import { runBootstrapNode } from '../../../src/actors/network/bootstrap-node.js';
import { bindBootstrapper, destroyNode } from '../../../src/actors/network/bind-bootstrapper.js';
import { holdPort } from '../../../src/actors/network/local-holder.js';
import { checkLlama, checkModels, checkServing, judgeGraphics } from '../../../src/cli/doctor/compute.js';
import type { Subject } from '../../../src/cli/doctor/finding.js';
import { checkHome, checkIdentity, checkWorker } from '../../../src/cli/doctor/home.js';
import { checkPoints } from '../../../src/cli/doctor/ledger.js';
import { checkClock, checkDisk, checkMemory, checkNode, leastNode } from '../../../src/cli/doctor/machine.js';
import { checkAdmin, checkMesh, checkNat } from '../../../src/cli/doctor/network.js';
import { wrap } from '../../../src/cli/commands/doctor.js';
import type { Recommendation } from '../../../src/cli/recommendation.js';
import { writeModel } from '../../../src/gguf/models.js';
import { loadConfig } from '../../../src/runtime/config.js';
import { settings, type Settings } from '../../../src/settings.js';
import { freePort, occupyPort } from '../../support/command.js';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function freshHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'qmesh-doctor-'));
  cleanups.push(() => rm(home, { recursive: true, force: true }));
  return home;
}

const onCpu = { gpu: false, names: [], memoryBytes: 0, freeBytes: 0, release: 'test' } as const;

/** A node that is set like this, on a machine with so much room on its disk. */
async function subject(flags: Readonly<Record<string, unknown>> = {}, freeDiskBytes = 1e12): Promise<Subject> {
  const home = typeof flags.home === 'string' ? flags.home : await freshHome();
  const values: Settings = loadConfig(settings, {
    flags: { home, models: join(home, 'models'), ...flags },
    env: {},
    foreignEnv: [],
  }).values;
  const recommendation = {
    place: { cores: 2, memoryBytes: 8e9, freeMemoryBytes: 8e9, freeDiskBytes, graphicsBytes: 0 },
    devices: onCpu,
    ranked: [{ model: { name: 'm', bytes: 1e9, memoryBytes: 2e9, isHere: false }, fit: 'good', why: 'why' }],
  } as unknown as Recommendation;
  return { values, isPublic: false, recommendation: () => Promise.resolve(recommendation) };
}

describe('the machine', () => {
  it('Node of today is good, an old one fails, and the limit is that of package.json', () => {
    expect(checkNode()).toMatchObject({ status: 'ok' });
    expect(checkNode('20.18.3')).toMatchObject({ status: 'fail', advice: expect.stringContaining('20.19') });
    expect(checkNode('18.20.0').status).toBe('fail');
    const { engines } = JSON.parse(readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8'));
    expect(engines.node).toBe(`>=${leastNode.join('.')}`);
  });

  it('memory: enough, scarce, hardly any', () => {
    const verdict = (freeMemoryBytes: number) => checkMemory({ cores: 2, memoryBytes: 8e9, freeMemoryBytes }).status;
    expect([8e9, 1e9, 1e8].map(verdict)).toEqual(['ok', 'warn', 'fail']);
  });

  it('a disk with no room for a model', async () => {
    expect(await checkDisk(await subject())).toMatchObject({ status: 'ok' });
    // a file system that holds no files at all
    if (process.platform === 'linux')
      expect(await checkDisk(await subject({ models: '/proc' }))).toMatchObject({ status: 'fail' });
  });

  it('a clock that was set back: the home has a file of tomorrow', async () => {
    const on = await subject();
    expect((await checkClock(on)).says).not.toContain('minutes later');
    const file = join(on.values.home, 'worker.lock');
    writeFileSync(file, '');
    const tomorrow = Date.now() / 1_000 + 86_400;
    utimesSync(file, tomorrow, tomorrow);
    expect(await checkClock(on)).toMatchObject({ status: 'warn', says: expect.stringContaining('worker.lock') });
  });
});

describe('what computes', () => {
  const child = async (body: string): Promise<URL> => {
    const path = join(await freshHome(), 'child.mjs');
    await writeFile(path, body);
    return pathToFileURL(path);
  };

  it('a llama.cpp that takes its process along, and one that is not there, are told and harm nobody', async () => {
    const died = checkLlama(await askDevices(await child('process.abort();')));
    expect(died).toMatchObject({ status: 'fail', says: expect.stringContaining('SIGABRT') });
    const missing = checkLlama(await askDevices(await child("import 'node-llama-cpp-that-is-not-there';")));
    expect(missing).toMatchObject({ status: 'fail', advice: expect.stringContaining('npm install') });
  });

  it('a graphics card that is there and not used is named, with what to do', () => {
    const cards = [{ name: 'NVIDIA GeForce RTX 3060', memoryBytes: 12e9 }];
    const cuda = { gpu: 'cuda', names: ['RTX 3060'], memoryBytes: 12e9, freeBytes: 11e9, release: 'test' } as const;
    expect(judgeGraphics(onCpu, [], -1).status).toBe('ok');
    expect(judgeGraphics(cuda, cards, -1)).toMatchObject({ status: 'ok', says: expect.stringContaining('cuda') });
    expect(judgeGraphics(onCpu, cards, -1)).toMatchObject({
      status: 'warn',
      advice: expect.stringContaining('driver'),
    });
    expect(judgeGraphics(cuda, cards, 0)).toMatchObject({
      status: 'warn',
      advice: expect.stringContaining('GPU_LAYERS'),
    });
    expect(judgeGraphics({ problem: 'it died' }, cards, -1).status).toBe('warn');
  });

  it('says how many layers go to a graphics card', async () => {
    const on = await subject({ model: 'good' });
    const models = join(on.values.home, 'models');
    mkdirSync(models);
    await writeModel('bench-tiny', join(models, 'good.gguf'));
    const servedWith = async (freeBytes: number, gpuLayers = -1) => {
      const devices = { gpu: 'cuda', names: ['card'], memoryBytes: 12e9, freeBytes, release: 'test' } as const;
      const found = { ...(await on.recommendation()), devices };
      const values = { ...on.values, gpuLayers };
      return (await checkServing({ ...on, values, recommendation: () => Promise.resolve(found) })).says;
    };
    expect(await servedWith(11e9)).toContain('all 2 layers on the graphics card');
    expect(await servedWith(120e6)).toContain('about 1 of 2 layers');
    expect(await servedWith(11e9, 1)).toContain('1 of 2 layers on the graphics card, as set');
    expect(await servedWith(11e9, 0)).not.toContain('layers');
  });

  it('broken models are named; a model that is set and broken, or nowhere, fails', async () => {
    const on = await subject({ model: 'good' });
    const models = join(on.values.home, 'models');
    mkdirSync(models);
    expect(await checkModels(on)).toMatchObject({ status: 'ok', says: expect.stringContaining('none yet') });
    await writeModel('bench-tiny', join(models, 'good.gguf'));
    expect((await checkModels(on)).status).toBe('ok');
    expect(await checkServing(on)).toMatchObject({ status: 'ok', says: expect.stringContaining('4 slots') });
    await writeModel('bench-tiny', join(models, 'cut.gguf'));
    truncateSync(join(models, 'cut.gguf'), 50_000);
    expect(await checkModels(on)).toMatchObject({ status: 'warn', says: expect.stringMatching(/1 of 2 .*cut \(/) });
    const servedAs = async (model: string) =>
      (await checkServing(await subject({ ...on.values, model: [model] }))).status;
    expect(await servedAs('cut')).toBe('fail');
    expect(await servedAs('nowhere')).toBe('fail');
    expect(await servedAs('qwen3-4b-q4_k_m')).toBe('warn'); // the catalog has it: a worker would fetch it
  });
});

describe('the home', () => {
  it('that cannot be one, that others may write, and that is not there yet', async () => {
    const home = await freshHome();
    const file = join(home, 'file');
    writeFileSync(file, '');
    expect(await checkHome(await subject({ home: join(file, 'home') }))).toMatchObject({ status: 'fail' });
    const absent = join(home, 'a/b');
    expect((await checkHome(await subject({ home: absent }))).status).toBe('ok');
    expect((await checkHome(await subject({ home: absent }))).says).toContain('will be made'); // and the first look left nothing
    chmodSync(home, 0o777);
    expect(await checkHome(await subject({ home }))).toMatchObject({
      status: 'warn',
      advice: expect.stringContaining('chmod'),
    });
  });

  it('a secret that others may read, and one that is damaged', async () => {
    const on = await subject();
    const file = join(on.values.home, 'identity.key');
    expect((await checkIdentity(on)).status).toBe('ok');
    writeFileSync(file, 'ab'.repeat(32), { mode: 0o600 });
    expect((await checkIdentity(on)).status).toBe('ok');
    chmodSync(file, 0o644);
    expect(await checkIdentity(on)).toMatchObject({ status: 'warn', advice: expect.stringContaining('chmod 600') });
    writeFileSync(file, 'half of it');
    expect(await checkIdentity(on)).toMatchObject({ status: 'fail', says: expect.stringContaining('damaged') });
  });

  it('a worker that is not there, and one that does not speak as one', async () => {
    const on = await subject();
    expect(await checkWorker(on)).toMatchObject({ status: 'ok', says: expect.stringContaining('None') });
    const server = createServer((socket) => {
      socket.end('{"error":{"code":"odd","message":"I am another program"}}\n', () => socket.destroySoon());
    });
    await new Promise<void>((listening) => server.listen(join(on.values.home, 'control.sock'), listening));
    cleanups.push(() => new Promise((closed) => server.close(closed)));
    expect(await checkWorker(on)).toMatchObject({ status: 'fail', says: expect.stringContaining('another program') });
  });
});

describe('the network', () => {
  it("this machine's port: free, held by QMesh, taken by another program", async () => {
    const port = await freePort();
    const on = await subject({ bootstrap: `local:${port}` });
    expect(await checkMesh(on)).toMatchObject({ status: 'ok', says: expect.stringContaining('free') });
    expect((await checkNat(on)).status).toBe('ok');
    const holder = await holdPort({ host: '127.0.0.1', port }, Buffer.alloc(16, 1));
    if (holder === undefined) throw new Error('the port was taken');
    expect(await checkMesh(on)).toMatchObject({ status: 'ok', says: expect.stringContaining('is there') });
    await destroyNode(holder);
    const { free } = await occupyPort(port);
    cleanups.push(free);
    expect(await checkMesh(on)).toMatchObject({ status: 'fail', advice: expect.stringContaining('local:PORT') });
  });

  it('nodes to start from: all answer, one is dead, none answers; and what stands between', async () => {
    const { node, port } = await bindBootstrapper({ host: '127.0.0.1', port: 0 });
    cleanups.push(() => destroyNode(node));
    const dead = await freePort();
    const at = (bootstrap: string) => subject({ bootstrap });
    const alive = await at(`127.0.0.1:${port}`);
    expect((await checkMesh(alive)).status).toBe('ok');
    expect(await checkNat(alive)).toMatchObject({ status: 'ok', says: expect.stringContaining('this machine') });
    const none = await at(`127.0.0.1:${dead}`);
    const [half, silence, between] = await Promise.all([
      checkMesh(await at(`127.0.0.1:${port},127.0.0.1:${dead}`)),
      checkMesh(none),
      checkNat(none),
    ]);
    expect(half).toMatchObject({ status: 'warn', says: expect.stringContaining(`:${dead}`) });
    expect(silence).toMatchObject({ status: 'fail', advice: expect.stringContaining('qmesh dht') });
    expect(between.status).toBe('skip');
  });

  it('all ports of a meeting place, of which one is given', async () => {
    const bootstrap = await new Promise<string>((resolve, reject) => {
      const place = runBootstrapNode(
        { host: '127.0.0.1', port: 0, nodes: 4 },
        { ready: (info) => resolve(info.bootstrap), failed: reject, closed: () => {} },
      );
      cleanups.push(() => {
        place.close();
        return Promise.resolve();
      });
    });
    expect(await checkMesh(await subject({ bootstrap }))).toMatchObject({
      status: 'ok',
      says: expect.stringContaining('4 of 4 nodes'),
    });
  });

  it('the world is not asked without --public', async () => {
    const world = await subject({ bootstrap: 'public' });
    for (const check of [checkMesh, checkNat])
      expect(await check(world)).toMatchObject({ status: 'skip', says: expect.stringContaining('--public') });
  });

  it("the admin page's port: free, taken, switched off", async () => {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as { port: number };
    const admin = `127.0.0.1:${port}`;
    expect(await checkAdmin(await subject({ admin }))).toMatchObject({
      status: 'warn',
      advice: expect.stringContaining('QMESH_ADMIN'),
    });
    await new Promise((closed) => server.close(closed));
    expect((await checkAdmin(await subject({ admin }))).status).toBe('ok');
    expect((await checkAdmin(await subject({ admin: 'off' }))).status).toBe('skip');
  });
});

it('points: who attests is told in words, and in the world validators are asked for', async () => {
  const key = 'ab'.repeat(32);
  expect((await checkPoints(await subject())).status).toBe('ok');
  expect(await checkPoints(await subject({ bootstrap: 'public' }))).toMatchObject({ status: 'warn' });
  expect((await checkPoints(await subject({ validators: key }))).says).toContain('1 of 1 named validators');
  const on = await subject();
  expect(await checkPoints({ ...on, values: { ...on.values, threshold: 3 } })).toMatchObject({ status: 'fail' });
});

it('lines are no wider than they may be, and nothing of the text is lost', () => {
  const text = 'one two  three four fivefivefive six';
  const lines = wrap(text, 9);
  expect(lines.join(' ')).toBe(text.replace(/\s+/g, ' '));
  for (const line of lines) expect(line.length <= 9 || !line.includes(' ')).toBe(true);
});
