/**
 * What differs outside of Vitest: plain Node loads XState's production build, and threads load files as they are after the build. So
 * the folder is compiled to a place from which packages resolve, and a Node of its own runs it.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { MessageChannel } from 'node:worker_threads';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FileHash, HashFileTask } from '../../../src/runtime/hash-file.js';
import { createThreadPool } from '../../../src/runtime/thread-pool.js';

const source = path.resolve('src/runtime');
let built: string;

beforeAll(async () => {
  await mkdir('node_modules/.cache', { recursive: true });
  built = await mkdtemp(path.resolve('node_modules/.cache/runtime-'));
  for (const file of await readdir(source)) {
    const { outputText } = ts.transpileModule(await readFile(path.join(source, file), 'utf8'), {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023, verbatimModuleSyntax: true },
    });
    await writeFile(path.join(built, file.replace(/\.ts$/, '.js')), outputText);
  }
  await writeFile(path.join(built, 'package.json'), '{"type": "module"}');
});
afterAll(() => rm(built, { recursive: true, force: true }));

/** Runs a program in the built folder; what it prints. */
async function node(program: string): Promise<string> {
  const file = path.join(built, 'program.js');
  await writeFile(file, program);
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { timeout: 20_000 });
  expect(stderr).toBe('');
  return stdout;
}

describe('built, in plain Node', () => {
  it('the supervisor restarts, escalates and shuts down on the production build of XState, and lets the process end', async () => {
    const out = await node(`
      import { createMachine } from 'xstate';
      import { systemClock } from './clock.js';
      import { systemRandom } from './random.js';
      import { startTree } from './start-tree.js';
      import { tell, deadLetters } from './tell.js';
      const worker = () => createMachine({
        initial: 'on',
        states: {
          on: { on: { crash: { actions: () => { throw new Error('crashed'); } }, 'sys.shutdown': 'end' } },
          end: { type: 'final' },
        },
      });
      const events = [];
      const tree = startTree(
        { id: 'root', strategy: 'rest-for-one', children: [
          { id: 'a', logic: worker(), shutdownMs: 100 },
          { id: 'sub', strategy: 'one-for-one', children: [{ id: 'b', logic: worker(), shutdownMs: 100 }] },
        ] },
        { clock: systemClock, random: systemRandom, onEvent: (event) => {
          events.push(event.type + ' ' + event.id);
          if (event.type === 'child.started' && event.id === 'b' && events.length > 4) setImmediate(() => {
            tell(tree.system, 'nobody', { type: 'x' });
            tree.stop(() => console.log(JSON.stringify({ events, dead: deadLetters(tree.system).count })));
          });
        } },
      );
      tell(tree.system, 'a', { type: 'crash' });
      const doomed = startTree(
        { id: 'doomed', strategy: 'one-for-one', intensity: { maxRestarts: 0, windowMs: 1 }, children: [{ id: 'c', logic: worker() }] },
        { clock: systemClock, random: systemRandom },
      );
      doomed.onEscalation((error) => console.log(error.name));
      tell(doomed.system, 'c', { type: 'crash' });
    `);
    const [escalated, line] = out.trim().split('\n');
    expect(escalated).toBe('EscalationError');
    expect(JSON.parse(line!)).toEqual({
      events: [
        'child.started a',
        'child.started sub',
        'child.started b',
        'child.failed a',
        'child.started a',
        'child.started sub',
        'child.started b',
        'child.ended b',
        'child.ended sub',
        'child.ended a',
      ],
      dead: 1,
    });
  });

  it('logs are JSON lines on a pipe, complete though the process exits at once', async () => {
    const out = await node(`
      import { createLogger } from './log.js';
      const log = createLogger({ level: 'info' });
      for (let i = 0; i < 1000; i++) log.info('line.written', { i });
      process.exit(0);
    `);
    const lines = out.trim().split('\n');
    expect(lines).toHaveLength(1_000);
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ event: 'line.written', i: 999 });
  });

  it('a logger does not keep the process alive', async () => {
    expect(
      await node(`import { createLogger } from './log.js'; createLogger({ level: 'info' }).info('last.words');`),
    ).toContain('last.words');
  });

  describe('threads', () => {
    const pool = (maxQueuedTasks?: number) =>
      createThreadPool<HashFileTask, FileHash>({
        entry: pathToFileURL(path.join(built, 'hash-file.js')),
        maxThreads: 1,
        ...(maxQueuedTasks !== undefined && { maxQueuedTasks }),
      });

    it('hash a file, with progress, and say what went wrong', async () => {
      const file = path.join(built, 'big.bin');
      const content = Buffer.alloc(40 << 20, 'qmesh');
      await writeFile(file, content);
      const threads = pool();
      const { port1, port2 } = new MessageChannel();
      const progress: number[] = [];
      port1.on('message', (bytes: number) => progress.push(bytes));
      const hash = await threads.run({ paths: [file], progress: port2 }, { transfer: [port2] });
      expect(hash).toEqual({ sha256: createHash('sha256').update(content).digest('hex'), bytes: content.length });
      expect(progress).toEqual([16 << 20, 32 << 20]);
      await expect(threads.run({ paths: [path.join(built, 'missing')] })).rejects.toThrow('ENOENT');
      await threads.close();
      await expect(threads.run({ paths: [file] })).rejects.toThrow();
    });

    it('refuse what does not fit into their queue', async () => {
      const threads = pool(1);
      const file = path.join(built, 'log.js');
      const runs = Array.from({ length: 5 }, () => threads.run({ paths: [file] }));
      const settled = await Promise.allSettled(runs);
      expect(settled.some(({ status }) => status === 'rejected')).toBe(true);
      expect(settled[0]?.status).toBe('fulfilled');
      await threads.close();
    });
  });
});
