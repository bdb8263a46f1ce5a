/**
 * The owner's commands as real processes: status, pause, resume, stop and a schedule, on a home with a worker, without one, and with
 * what a killed one left.
 */
import { connect } from 'node:net';
import { once } from 'node:events';
import { existsSync, lstatSync, realpathSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { WorkerReport } from '../../src/actors/control/messages.js';
import { controlPlace } from '../../src/actors/control/place.js';
import { CommandLine, freePort, type Command } from '../support/command.js';

const cli = new CommandLine();
/** An engine starts at the lowest priority: on a busy machine that takes its time. */
const timeout = 180_000;
afterAll(() => cli.close());

type Env = Readonly<Record<string, string>> & { readonly QMESH_HOME: string };
const freshEnv = async (): Promise<Env> => ({
  QMESH_HOME: await cli.folder(),
  QMESH_BOOTSTRAP: `local:${await freePort()}`,
  QMESH_THREADS: '1',
});

async function startWorker(env: Env): Promise<Command> {
  const worker = cli.start(['worker'], env);
  await worker.says('worker.ready');
  return worker;
}

/** `qmesh args… --json`, which has to succeed. */
async function report(env: Env, ...args: readonly string[]): Promise<WorkerReport> {
  const { code, stdout, stderr } = await cli.run([...args, '--json'], env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as WorkerReport;
}

it.concurrent('a worker is paused, stays so over a restart, is resumed, and stopped', { timeout }, async () => {
  const env = await freshEnv();
  const first = await startWorker(env);
  expect(await report(env, 'status')).toMatchObject({
    state: 'on_duty',
    untilMs: null,
    schedule: null,
    pid: first.child.pid,
    models: [{ name: 'qmesh-demo' }],
    slots: { busy: 0 },
    queue: { length: 0 },
  });
  const shown = await cli.run(['status'], env);
  expect(shown.stdout).toMatch(/^state +on duty$/m);

  const before = Date.now();
  const paused = await report(env, 'pause', '--for', '2h');
  expect(paused).toMatchObject({ state: 'paused', health: { capacity: 0 } });
  expect(paused.untilMs).toBeGreaterThanOrEqual(before + 7_200_000);
  expect((await cli.run(['pause'], env)).stdout).toBe('The worker is paused until qmesh resume.\n');

  expect((await cli.run(['stop'], env)).stdout).toBe('The worker has stopped.\n');
  expect((await first.ended).code).toBe(0);
  expect(existsSync(join(env.QMESH_HOME, 'control.sock'))).toBe(false);

  const second = await startWorker(env);
  expect(await report(env, 'status')).toMatchObject({ state: 'paused', untilMs: null });
  expect((await cli.run(['resume'], env)).stdout).toBe('The worker is on duty.\n');
  await report(env, 'stop', '--now');
  expect((await second.ended).code).toBe(0);
});

it.concurrent('a schedule is kept, and resume overrides it until its next change', { timeout }, async () => {
  const day = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'][(new Date().getDay() + 3) % 7] ?? '';
  const env = { ...(await freshEnv()), QMESH_SCHEDULE: `${day} 10:00-12:00` };
  await startWorker(env);
  const off = await report(env, 'status');
  expect(off).toMatchObject({ state: 'off_schedule', schedule: env.QMESH_SCHEDULE, health: { capacity: 0 } });
  expect(new Date(off.untilMs ?? 0).getHours()).toBe(10);
  const on = await report(env, 'resume');
  expect(on.state).toBe('on_duty');
  expect(new Date(on.untilMs ?? 0).getHours()).toBe(12);
  await report(env, 'stop');
});

describe.concurrent('without a worker', () => {
  const commands = [['status'], ['pause', '--for', '1h'], ['resume'], ['stop']].map((args) => ({ args }));

  it.each(commands)('$args says so', async ({ args }) => {
    const env = await freshEnv();
    const { code, stdout, stderr } = await cli.run(args, env);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(
      /^qmesh: no worker is running here\n {2}No worker uses the home .*\n {2}Start one with: qmesh worker\./,
    );
    const json = await cli.run([...args, '--json', '--home', join(env.QMESH_HOME, 'missing')], env);
    expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: 'no_worker' } });
    expect(json.code).toBe(1);
  });

  it.each([
    ['pause', '--for', 'ever'],
    ['pause', '--for', '9999d'],
  ])('%s %s %s is used wrongly', async (...args) => {
    const { code, stderr } = await cli.run(args, await freshEnv());
    expect(code).toBe(2);
    expect(stderr).toContain('A time is written as 90m, 2h, 1h30m or 1d, up to a year.');
  });

  it('a schedule that cannot be read is named', async () => {
    const { code, stderr } = await cli.run(['worker', '--schedule', '22:00-24:30'], await freshEnv());
    expect(code).toBe(2);
    expect(stderr).toContain(
      '--schedule is "22:00-24:30"; expected hours, such as 22:00-07:00: "22:00-24:30" is outside',
    );
  });
});

describe.concurrent('the socket', () => {
  it('of a worker that was killed is replaced by the next one', { timeout }, async () => {
    const env = await freshEnv();
    const killed = await startWorker(env);
    killed.child.kill('SIGKILL');
    await killed.ended;
    expect(existsSync(join(env.QMESH_HOME, 'control.sock'))).toBe(true);
    expect((await cli.run(['status'], env)).code).toBe(1);
    const next = await startWorker(env);
    expect(await report(env, 'status')).toMatchObject({ pid: next.child.pid });
    await report(env, 'stop');
  });

  it('of a home too deep for one is elsewhere, and nobody else may open either', { timeout }, async () => {
    const shallow = await freshEnv();
    const deep = { ...shallow, QMESH_HOME: join(shallow.QMESH_HOME, 'x'.repeat(60), 'y'.repeat(60)) };
    await mkdir(deep.QMESH_HOME, { recursive: true });
    for (const env of [shallow, deep]) {
      await startWorker(env);
      const { path } = controlPlace({ path: env.QMESH_HOME });
      expect(lstatSync(path).mode & 0o777).toBe(0o600);
      expect(path.startsWith(realpathSync(env.QMESH_HOME))).toBe(env === shallow);
      expect(await report(env, 'stop')).toMatchObject({ state: 'draining' });
      expect(existsSync(path)).toBe(false);
    }
  });

  it('bears whatever comes through it', { timeout }, async () => {
    const env = await freshEnv();
    await startWorker(env);
    const { path } = controlPlace({ path: env.QMESH_HOME });
    const say = async (bytes: string): Promise<string> => {
      const socket = connect(path);
      socket.on('error', () => {});
      let heard = '';
      socket.setEncoding('utf8').on('data', (text: string) => (heard += text));
      socket.write(bytes);
      await once(socket, 'close');
      return heard;
    };
    const refusal = expect.stringContaining('"code":"bad_request"');
    for (const bytes of ['\n', 'hello\n', '{"do":"explode"}\n', '{"do":"pause","forMs":-1}\n', '"'.repeat(100_000)])
      expect(await say(bytes)).toEqual(refusal);
    const silent = Array.from({ length: 40 }, () => connect(path).on('error', () => {}));
    await Promise.all(silent.map((socket) => once(socket, 'close'))); // too many, or for too long
    expect(await report(env, 'status')).toMatchObject({ state: 'on_duty' });
    await report(env, 'stop');
  });
});
