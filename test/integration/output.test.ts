/** How a command fails where nothing of its own can help: its output has nowhere to go, it cannot be loaded, or nobody foresaw what happens. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { dist } from '../support/dist.js';
import { processEnv } from '../support/own-temporary-folder.js';

let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'qmesh-output-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** @param stdout where it goes; closed unread where nothing is given. */
async function run(args: readonly string[], stdout?: number): Promise<{ code: unknown; stderr: string }> {
  const child = spawn(process.execPath, args, {
    env: { ...processEnv, HOME: home, QMESH_HOME: home, QMESH_BOOTSTRAP: 'local:1' },
    stdio: ['ignore', stdout ?? 'pipe', 'pipe'],
  });
  child.stdout?.destroy();
  let stderr = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as unknown[];
  return { code, stderr };
}

const qmesh = join(dist, 'cli/qmesh.js');

it('a command whose reader has gone ends without a word', async () => {
  expect(await run([qmesh, 'config', 'show'])).toEqual({ code: 1, stderr: '' });
});

it.runIf(existsSync('/dev/full'))('a command that cannot write says so', async () => {
  const full = openSync('/dev/full', 'w');
  const { code, stderr } = await run([qmesh, 'config', 'show'], full);
  closeSync(full);
  expect(stderr).toMatch(/^qmesh: the output cannot be written\n  ENOSPC: .*\n  Make room .*\n$/);
  expect(code).toBe(1);
});

it('what nobody foresaw ends with 70, and says where it comes from', async () => {
  const fault = `process.once('newListener', () => setImmediate(() => { throw new Error('unforeseen') }))`;
  const { code, stderr } = await run(['--import', `data:text/javascript,${fault}`, qmesh, 'dht', '--port', '0']);
  expect(stderr).toMatch(/^qmesh: something went wrong\n  Error: unforeseen\n +at /);
  expect(code).toBe(70);
});

it.skipIf(process.platform === 'win32')('a program that may not open the files it is made of says so', async () => {
  const child = spawn('sh', ['-c', 'ulimit -n 64 && exec "$0" "$@"', process.execPath, join(dist, 'worker.js')], {
    env: { ...processEnv, HOME: home },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as unknown[];
  expect(stderr).toMatch(/^qmesh: the program cannot be loaded\n  EMFILE: .*\n  Let it open more files .*\n$/);
  expect(code).toBe(1);
});
