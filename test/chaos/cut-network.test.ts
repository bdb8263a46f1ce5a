/**
 * Real hosts, as far as one machine has them: workers, client and meeting place in network namespaces of their own, and cables that
 * are pulled. In the soak only, as root; where namespaces cannot be made it is skipped, and says why. Some four minutes, with figures.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { dist } from '../support/dist.js';
import { Namespaces, whyNoNamespaces, type Host } from '../support/namespaces.js';
import { ModelFolder } from '../support/engine-harness.js';
import { until } from '../support/real-network.js';
import { writeSlowModel } from '../support/slow-model.js';
import { WorkerProcess } from '../support/worker-process.js';

const root = join(import.meta.dirname, '../..');
const whySkipped = process.env.QMESH_SOAK === '1' ? whyNoNamespaces() : 'a soak';

const tokens = 64;
const whole = Array.from({ length: tokens }, (_, i) => `${6 + i}`).join(' ');
/** After which token the cable is pulled. */
const places = Array.from({ length: 12 }, (_, i) => 1 + 5 * i);
const soakMs = 1_200_000;
/** A guest's address is let in every 4 s, and a course may ask each worker twice. */
const guestPauseMs = 8_000;

interface Said {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** A program on one of the hosts that prints JSON lines, and may take some. */
class Program {
  readonly lines: Said[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(host: Host, ...args: string[]) {
    const [program = '', ...rest] = [...host.prefix, process.execPath, ...args];
    this.#child = spawn(program, rest, { env: { PATH: process.env.PATH }, stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.lines.push(JSON.parse(line) as Said));
    this.#ended = once(this.#child, 'close');
  }

  tell(what: object): void {
    this.#child.stdin?.write(`${JSON.stringify(what)}\n`);
  }

  /** The next line with one of these events, of those that come from line `from` on. */
  async says(events: readonly string[], withinMs: number, from = this.lines.length): Promise<Said> {
    const find = (): Said | undefined => this.lines.slice(from).find(({ event }) => events.includes(event));
    await until(() => find() !== undefined, events.join(' or '), withinMs);
    return find() as Said;
  }

  async end(): Promise<void> {
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5_000);
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGTERM');
    await this.#ended;
    clearTimeout(timer);
  }
}

const figures = (all: readonly number[]): string => {
  const sorted = [...all].sort((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor(share * (sorted.length - 1))] ?? NaN).toFixed(0);
  return `${sorted.length} times, p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, max ${at(1)} ms`;
};

describe.skipIf(whySkipped !== undefined)(`hosts with cables${whySkipped ? ` (skipped: ${whySkipped})` : ''}`, () => {
  const folder = new ModelFolder();
  let net: Namespaces | undefined;
  let meetingPlace: Program | undefined;
  let bootstrap = '';
  let model = '';
  let workers: WorkerProcess[] = [];
  let client: Program | undefined;
  const host = (): Host => net!.host();

  beforeAll(async () => {
    model = await writeSlowModel('demo', folder.path);
    net = new Namespaces();
    meetingPlace = new Program(host(), join(dist, 'cli/qmesh.js'), 'dht', '--json');
    bootstrap = (await meetingPlace.says(['dht.ready'], 20_000, 0)).bootstrap as string;
  });
  afterEach(async () => {
    await client?.end();
    client = undefined;
    await Promise.all(workers.map((worker) => worker.stop()));
    workers = [];
  });
  afterAll(async () => {
    await meetingPlace?.end();
    net?.remove();
    folder.remove();
  });

  const envOf = { QMESH_HOST: '0.0.0.0', QMESH_SLOTS: '1', QMESH_CONTEXT: '512' };

  async function startWorkers(hosts: readonly Host[]): Promise<string[]> {
    const env = { ...envOf, QMESH_MODEL: model };
    workers = await Promise.all(hosts.map(({ prefix }) => WorkerProcess.start({ bootstrap }, env, undefined, prefix)));
    return Promise.all(workers.map(async (worker) => (await worker.ready()).workerId));
  }

  /** A client, which asks as the owner of the first worker, or as nobody whom anybody knows. */
  function startClient(from = host(), seed = workers[0]!.ownerSeed): Program {
    const identity = Buffer.from(seed).toString('hex');
    client = new Program(from, join(root, 'test/support/asker.mjs'), dist, bootstrap, identity);
    return client;
  }

  const request = { prompt: 'count from 5', tokens };
  const knows = (from: number, count: number) => (): boolean =>
    (client?.lines.slice(from) ?? []).some(
      ({ event, workers: all }) => event === 'known' && (all as string[]).length === count,
    );

  it(
    'one is cut off anywhere in its answer: the other goes on, nothing is missing, and both are there again',
    { timeout: soakMs },
    async () => {
      const hosts = [host(), host()];
      const ids = await startWorkers(hosts);
      const cuts = Object.fromEntries(ids.map((id, i) => [id, hosts[i]!.cut]));
      const standstills: number[] = [];
      const returns: number[] = [];
      const desk = host();
      for (const cutAfter of places) {
        // Another account each time: with one, the 11th cut was the last. That its cut-off answers counted as unacknowledged would explain it,
        // but was not seen.
        const asker = startClient(desk, randomBytes(32));
        await until(knows(0, 2), 'both workers known', 60_000);
        const from = asker.lines.length;
        asker.tell({ ...request, cutAfter, cuts });
        const ended = await asker.says(['ended', 'failed'], 60_000, from);
        expect(ended, `after ${cutAfter}: ${JSON.stringify(ended)}`).toMatchObject({ event: 'ended', text: whole });
        const cut = asker.lines.slice(from).find(({ event }) => event === 'cut')?.worker as string;
        if (ended.worker !== cut) {
          expect((ended.failures as string[])[0]).toMatch(/^worker_(silent|stalled)$/); // stalled: a busy machine
          standstills.push(ended.standstillMs as number);
        }
        await until(knows(from, 1), 'the connection was given up', 30_000);
        const healedFrom = asker.lines.length;
        const { mend } = hosts[ids.indexOf(cut)]!;
        await once(spawn(mend[0]!, mend.slice(1)), 'close');
        const healedAtMs = Date.now();
        await until(knows(healedFrom, 2), 'the worker is back', 60_000);
        returns.push(Date.now() - healedAtMs);
        await asker.end();
        await new Promise((resolve) => setTimeout(resolve, guestPauseMs));
      }
      process.stdout.write(`cut off, to the next token: ${figures(standstills)}\n`);
      process.stdout.write(`mended, to being known again: ${figures(returns)}\n`);
      expect(standstills.length).toBeGreaterThanOrEqual(places.length - 2);
      expect(Math.min(...standstills)).toBeLessThan(5_000);
      expect(Math.max(...returns)).toBeLessThan(60_000);
    },
  );

  it(
    'the only worker is killed and started again: it is asked again as soon as it is ready',
    { timeout: soakMs },
    async () => {
      await startWorkers([host()]);
      const asker = startClient();
      await until(knows(0, 1), 'the worker known', 60_000);
      const delays: number[] = [];
      for (let turn = 0; turn < 5; turn++) {
        const from = asker.lines.length;
        asker.tell(request);
        await new Promise((resolve) => setTimeout(resolve, 300));
        workers[0]!.signal('SIGKILL');
        await workers[0]!.exited;
        workers = [await workers[0]!.restart({ ...envOf, QMESH_MODEL: model })];
        await workers[0]!.ready();
        const readyAtMs = Date.now();
        const ended = await asker.says(['ended', 'failed'], 60_000, from);
        expect(ended).toMatchObject({ event: 'ended', text: whole });
        asker.tell({ ...request, tokens: 1 });
        const next = await asker.says(['ended', 'failed'], 30_000, asker.lines.indexOf(ended) + 1);
        expect(next).toMatchObject({ event: 'ended', text: '6' });
        delays.push((ended.atMs as number) - readyAtMs);
      }
      process.stdout.write(`restarted, from ready to the end of the answer that was cut short: ${figures(delays)}\n`);
      expect(Math.min(...delays)).toBeLessThan(20_000);
    },
  );

  it('the address of a worker changes: it is asked again within a minute', { timeout: soakMs }, async () => {
    const moved = host();
    await startWorkers([moved]);
    const asker = startClient();
    await until(knows(0, 1), 'the worker known', 60_000);
    for (let turn = 0; turn < 2; turn++) {
      const from = asker.lines.length;
      moved.move();
      const startedMs = Date.now();
      asker.tell({ ...request, tokens: 4 });
      const ended = await asker.says(['ended', 'failed'], 70_000, from);
      expect(ended).toMatchObject({ event: 'ended', text: '6 7 8 9' });
      process.stdout.write(`another address: answered after ${Date.now() - startedMs} ms\n`);
      expect(Date.now() - startedMs).toBeLessThan(60_000);
    }
  });
});
