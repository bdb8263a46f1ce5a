/**
 * The package as npm makes it: what is in it and what is not; and, with QMESH_SOAK=1 since it needs a registry and a minute, installed
 * into an empty folder with an empty home, where it serves and answers.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { CommandLine, freePort } from '../support/command.js';
import { isSoak } from '../support/soak.js';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

async function pack(...args: readonly string[]): Promise<Packed> {
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', ...args], { cwd: root });
  return (JSON.parse(stdout) as [Packed])[0];
}

it('holds what runs and what is to be read, and no tests', async () => {
  const { files, size } = await pack('--dry-run');
  const paths = files.map(({ path }) => path);
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    bin: { qmesh: string };
    exports: { '.': { types: string; default: string } };
  };
  const named = [manifest.bin.qmesh, ...Object.values(manifest.exports['.'])].map((path) => path.replace('./', ''));
  for (const path of [...named, 'dist/worker.js', 'models/catalog.json', 'README.md', 'LICENSE', 'docs/protocol.md'])
    expect(paths).toContain(path);
  expect(paths.filter((path) => /(^|\/)(test|tests|src|bench|\.ci)\/|\.test\.|^docs\/api\//.test(path))).toEqual([]);
  expect(size).toBeLessThan(2_000_000);
});

it.runIf(isSoak)('installs into an empty folder, and serves and answers there', { timeout: 600_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qmesh-package-'));
  const home = join(folder, 'home');
  await mkdir(home);
  await writeFile(join(folder, 'package.json'), '{}');
  const { filename } = await pack('--pack-destination', folder);
  const env = { ...process.env, HOME: home, npm_config_userconfig: process.env.NPM_CONFIG_USERCONFIG ?? '' };
  await run('npm', ['install', '--no-audit', '--no-fund', `./${filename}`], { cwd: folder, env });
  const cli = new CommandLine();
  try {
    const entry = join(folder, 'node_modules/.bin/qmesh');
    const settings = { HOME: home, QMESH_HOME: home, QMESH_BOOTSTRAP: `local:${await freePort()}`, QMESH_ADMIN: 'off' };
    expect((await cli.run(['--version'], settings, entry)).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const worker = cli.start(['worker'], settings, entry);
    await worker.says('worker.ready');
    const { stdout } = await cli.run(['ask', 'count from 5', '--max-tokens', '3'], settings, entry);
    expect(stdout).toBe('6 7 8\n');
    expect((await cli.run(['stop'], settings, entry)).code).toBe(0);
  } finally {
    await cli.close();
    await rm(folder, { recursive: true, force: true });
  }
});
