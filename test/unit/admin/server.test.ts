/** The admin server over a simulated worker: what each path answers, to whom, and where it listens. */
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adminServer } from '../../../src/admin/server.js';
import { LogRing } from '../../../src/runtime/log-ring.js';
import type { SimWorker } from '../../simulation/world/sim-worker.js';
import { World } from '../../simulation/world/world.js';

const root = join(import.meta.dirname, '../../..');

let world: World;
let worker: SimWorker;
let closing: (() => void)[];

beforeEach(() => {
  world = new World(4);
  worker = world.startWorker();
  closing = [];
});
afterEach(() => {
  for (const close of closing) close();
});

function open(port = 0, isNamed = true): Promise<string> {
  const server = adminServer({ host: '127.0.0.1', port, isNamed }, new LogRing(worker.clock, []));
  return new Promise((listening, failed) => {
    const opened = server.open(worker.deps, worker.tree.system, { listening, failed });
    closing.push(() => opened.close());
  });
}

async function get(address: string, path: string, init: RequestInit = {}) {
  const answer = await fetch(`http://${address}${path}`, init);
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

describe('probes', () => {
  it('healthz answers as long as it runs; readyz says why not, until a model is loaded and again when it drains', async () => {
    const address = await open();
    expect(await get(address, '/healthz')).toMatchObject({ status: 200 });
    const early = await get(address, '/readyz');
    expect(early.status).toBe(503);
    expect(JSON.parse(early.text)).toEqual({ status: 'not ready', reason: expect.stringMatching(/mesh|model/) });
    world.clock.advance(12_000);
    const ready = await get(address, '/readyz');
    expect([ready.status, JSON.parse(ready.text)]).toEqual([200, { status: 'ready', models: ['counter'] }]);
    worker.say({ do: 'pause' });
    world.clock.advance(1_000);
    expect((await get(address, '/readyz')).text).toContain('paused');
    worker.deps.board.write({ draining: true });
    expect((await get(address, '/readyz')).text).toContain('stopped');
    expect((await get(address, '/healthz')).status).toBe(200);
  });
});

describe('metrics', () => {
  it('count what was done', async () => {
    const address = await open();
    const client = world.startClient('gold');
    world.clock.advance(12_000);
    const asked = world.ask(client, { prompt: 'count from 5', options: { maxTokens: 5 } });
    expect(world.clock.runUntil(() => asked.ends > 0, 20_000)).toBe(true);
    const { text, headers } = await get(address, '/metrics');
    expect(headers.get('content-type')).toContain('text/plain; version=0.0.4');
    const lines = text.split('\n');
    for (const line of [
      'qmesh_requests_total{end="length"} 1',
      'qmesh_tokens_total{kind="completion"} 5',
      'qmesh_first_token_seconds_count 1',
      'qmesh_request_seconds_count 1',
      'qmesh_queue_length{tier="gold"} 0',
      'qmesh_slots 2',
      'qmesh_slots_busy 0',
      'qmesh_engines{state="ready"} 1',
      'qmesh_peers{network="inference"} 1',
      'qmesh_ready 1',
    ])
      expect(lines).toContain(line);
    const names = lines.flatMap((line) => /^[a-z_]+/.exec(line)?.[0] ?? []);
    expect(lines.filter((line) => line !== '' && !line.startsWith('#')).length).toBeLessThan(120);
    expect(names.every((name) => /^(qmesh|process|nodejs)_/.test(name))).toBe(true);
  });

  it('are those that the dashboard and the operations page name, each of them described there', async () => {
    const { text } = await get(await open(), '/metrics');
    const given = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name));
    const base = (name: string): string => (given.has(name) ? name : name.replace(/_(bucket|sum|count)$/, ''));
    const operations = readFileSync(join(root, 'docs/operations.md'), 'utf8');
    const dashboard = readFileSync(join(root, 'docs/grafana/qmesh-worker.json'), 'utf8');
    const metric = /\b(?:qmesh|process|nodejs)_[a-z_]+\b/g;
    for (const [where, page] of [
      ['docs/operations.md', operations],
      ['the dashboard', dashboard],
    ] as const)
      for (const [name] of page.matchAll(metric)) expect([...given], `${where} names ${name}`).toContain(base(name));
    for (const name of given) expect(operations, `docs/operations.md describes ${name}`).toContain(`\`${name}\``);
  });
});

describe('the server', () => {
  it('gives its page, and lets nothing else into it', async () => {
    const address = await open();
    const page = await get(address, '/');
    expect(page.headers.get('content-type')).toContain('text/html');
    const policy = page.headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|\*/);
    expect(page.headers.get('access-control-allow-origin')).toBeNull();
    expect((await get(address, '/charts/slot.svg')).status).toBe(200);
    expect((await get(address, '/charts/../../../package.json')).status).toBe(404);
  });

  it('takes no commands', async () => {
    const address = await open();
    for (const method of ['POST', 'PUT', 'DELETE'])
      for (const path of ['/', '/events', '/metrics']) expect((await get(address, path, { method })).status).toBe(404);
  });

  it('refuses pages of strangers on every path, also on those that are not there', async () => {
    const address = await open();
    for (const path of ['/', '/events', '/metrics', '/healthz', '/page/main.js', '/nowhere']) {
      expect((await get(address, path, { headers: { origin: 'http://evil.example' } })).status, path).toBe(403);
    }
  });

  it('takes the next port where nobody asked for this one, and says so where somebody did', async () => {
    const holder = createServer();
    await new Promise<void>((listening) => holder.listen(0, '127.0.0.1', listening));
    const { port } = holder.address() as AddressInfo;
    closing.push(() => holder.close());
    await expect(open(port)).rejects.toThrow(`127.0.0.1:${port} is taken by another program`);
    const [, taken] = (await open(port, false)).split(':');
    expect(Number(taken)).toBeGreaterThan(port);
    expect(Number(taken)).toBeLessThan(port + 10);
  });
});
