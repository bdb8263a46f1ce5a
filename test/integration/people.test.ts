/**
 * What people meet first, as it is written: the programs in examples/, the code in the pages, and the commands that watch and converse.
 * One worker and one gateway serve them all, in a mesh of their own.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TopSnapshot } from '../../src/cli/top/snapshot.js';
import { CommandLine, freePort } from '../support/command.js';
import { dist } from '../support/dist.js';
import { fencedBlocks } from '../support/pages.js';

const root = join(import.meta.dirname, '../..');
const timeout = 120_000; // programs start slowly on a machine that does much else
const cli = new CommandLine();
let env: { QMESH_HOME: string; QMESH_BOOTSTRAP: string; QMESH_ADMIN: string; QMESH_THREADS: string };
let url: string;

beforeAll(async () => {
  env = {
    QMESH_HOME: await cli.folder(),
    QMESH_BOOTSTRAP: `local:${await freePort()}`,
    QMESH_ADMIN: 'off',
    QMESH_THREADS: '1',
  };
  await cli.start(['worker'], env).says('worker.ready');
  const served = await cli.start(['serve', '--listen', '127.0.0.1:0'], env).says('serve.ready');
  ({ url } = JSON.parse(served) as { url: string });
}, timeout);
afterAll(() => cli.close());

const example = (name: string, more: Readonly<Record<string, string>> = {}) =>
  cli.run([], { ...env, ...more }, join('..', 'examples', name));

describe.concurrent('examples', { timeout }, () => {
  it('basic-client.js prints a whole answer, and who gave it', async () => {
    const { code, stdout, stderr } = await example('basic-client.js');
    expect({ code, answer: stdout.slice(0, 12) }).toEqual({ code: 0, answer: '6 7 8 9 10 1' });
    expect(stderr).toMatch(/^qmesh-demo on worker [0-9a-f]{8}\n$/);
  });

  it('streaming-client.js streams one', async () => {
    const { code, stdout } = await example('streaming-client.js');
    expect({ code, answer: stdout.slice(0, 12) }).toEqual({ code: 0, answer: '6 7 8 9 10 1' });
  });

  it('openai-client.js asks through qmesh serve', async () => {
    const { code, stdout, stderr } = await example('openai-client.js', { OPENAI_BASE_URL: url });
    expect({ code, answer: stdout.slice(0, 12), stderr }).toEqual({ code: 0, answer: '6 7 8 9 10 1', stderr: '' });
  });

  it('private-mesh.js answers a friend, and no stranger', async () => {
    const { code, stdout } = await example('private-mesh.js');
    expect(stdout).toContain('The friend is answered: 6 7 8 9 10 11 12 13');
    expect(stdout).toContain('A stranger is not: ');
    expect(code).toBe(0);
  });

  it('run-worker.js runs one until it is interrupted', async () => {
    const bootstrap = `local:${await freePort()}`;
    const program = cli.start(
      [],
      { ...env, QMESH_HOME: await cli.folder(), QMESH_BOOTSTRAP: bootstrap },
      '../examples/run-worker.js',
    );
    await program.says('serves. Ask it: node examples/basic-client.js');
    program.child.kill('SIGTERM');
    expect((await program.ended).code).toBe(0);
  });
});

describe('code in the pages', { timeout }, () => {
  const pages = [
    'README.md',
    ...readdirSync(join(root, 'docs'))
      .filter((file) => file.endsWith('.md'))
      .map((file) => `docs/${file}`),
  ];
  const blocks = pages.flatMap((page) =>
    fencedBlocks(readFileSync(join(root, page), 'utf8'))
      .filter(({ language }) => ['js', 'ts'].includes(language))
      .map(({ language, code }, i) => ({ name: `${page.replace(/\W+/g, '-')}-${i}.m${language}`, code })),
  );
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'qmesh-pages-'));
    mkdirSync(join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{}');
    symlinkSync(dirname(dist), join(folder, 'node_modules/qmesh'));
    for (const name of ['openai', '@types'])
      symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
    for (const { name, code } of blocks) writeFileSync(join(folder, name), code);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('compiles', () => {
    const program = ts.createProgram(
      blocks.map(({ name }) => join(folder, name)),
      {
        target: ts.ScriptTarget.ES2023,
        module: ts.ModuleKind.NodeNext,
        types: ['node'],
        typeRoots: [join(root, 'node_modules/@types')],
        strict: true,
        noEmit: true,
        allowJs: true,
        checkJs: true,
        skipLibCheck: true,
      },
    );
    const problems = ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
      const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line + 1;
      return `${file?.fileName ?? ''}:${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    });
    expect(blocks.length).toBeGreaterThan(2);
    expect(problems).toEqual([]);
  });

  it('runs', async () => {
    const programs = blocks.filter(({ name, code }) => name.endsWith('.mjs') && code.includes("from 'qmesh'"));
    for (const { name } of programs) {
      const { code, stderr } = await cli.run([], env, join(folder, name)); // one by one: strangers may ask two things at once
      expect(code, `${name}: ${stderr}`).toBe(0);
    }
  });
});

describe.concurrent('qmesh chat', { timeout }, () => {
  it('takes a pipe as one message', async () => {
    const { code, stdout, stderr } = await cli.run(
      ['chat', '--max-tokens', '3'],
      env,
      undefined,
      'Please\ncount from 5\n',
    );
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '6 7 8\n', stderr: '' });
  });

  it('with --json answers line by line, and remembers', async () => {
    const { stdout, code } = await cli.run(
      ['chat', '--json', '--max-tokens', '3'],
      env,
      undefined,
      'count from 5\nand on\n',
    );
    const [first, second] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect({ code, text: first.text }).toEqual({ code: 0, text: '6 7 8' });
    expect(second.usage.promptTokens).toBeGreaterThan(first.usage.promptTokens);
  });

  it('says what is missing where nothing comes', async () => {
    const { code, stderr } = await cli.run(['chat'], env, undefined, '');
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('there is nothing to ask') });
  });
});

it('qmesh top shows the worker here and the mesh', { timeout }, async () => {
  const page = await cli.run(['top'], env);
  expect(page.stdout).toMatch(/on duty, up .*[\s\S]*\(here\)/);
  const { stdout, code } = await cli.run(['top', '--once', '--json'], env);
  const { here, mesh } = JSON.parse(stdout) as TopSnapshot;
  expect({ code, state: here?.state, waiting: here?.waiting }).toEqual({ code: 0, state: 'on_duty', waiting: {} });
  expect(mesh).toEqual([expect.objectContaining({ worker: here?.workerId, isHere: true, models: ['qmesh-demo'] })]);
});

it('qmesh config shows what is in force and why, and no secrets', { timeout }, async () => {
  const { stdout } = await cli.run(['config', 'show', '--sources', '--json'], {
    ...env,
    QMESH_API_KEYS: 'very-secret-key',
  });
  expect(stdout).not.toContain('very-secret');
  expect(JSON.parse(stdout)).toMatchObject({
    home: { value: env.QMESH_HOME, source: 'environment' },
    queue: { value: 100, source: 'default' },
    bootstrap: { value: env.QMESH_BOOTSTRAP, source: 'environment' },
    apiKeys: { value: '(secret)', source: 'environment' },
  });
  const { stdout: path } = await cli.run(['config', 'path'], env);
  expect(path).toBe(`${join(env.QMESH_HOME, 'qmesh.config.json')}\n`);
});
