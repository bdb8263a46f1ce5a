/**
 * `node scripts/programs.mjs [NAME…]`: runs unmodified third-party programs against this mesh. Each is installed at the
 * version given here into a temporary folder, together with its script from scripts/programs/, which uses it as a
 * person would. A worker with the demo model and `qmesh serve` answer. Prints what works and what does not, for
 * docs/openai.md, and exits with 1 if anything failed.
 *
 * It needs the npm registry, a build and several minutes, so it is not part of the tests.
 */
import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Packages to install for each: the newest versions that run on Node 20.
 * @type {Record<string, Record<string, string>>}
 */
const programs = {
  curl: {},
  ai: { ai: '6.0.324', '@ai-sdk/openai-compatible': '2.0.91', zod: '4.6.7' },
  langchain: { langchain: '1.5.14', '@langchain/openai': '1.6.0', '@langchain/core': '1.4.0', zod: '4.6.7' },
  llamaindex: { '@llamaindex/openai': '0.4.23', '@llamaindex/workflow': '1.1.25', llamaindex: '0.12.1', zod: '4.6.7' },
  langgraph: {
    '@langchain/langgraph': '1.7.3',
    '@langchain/openai': '1.6.0',
    '@langchain/core': '1.4.0',
    zod: '4.6.7',
  },
  agents: { '@openai/agents': '0.20.0', zod: '4.6.7' },
  instructor: { '@instructor-ai/instructor': '1.7.0', openai: '6.49.0', zod: '3.25.76' },
  qwen: { '@qwen-code/qwen-code': '0.15.10' },
};

const installMs = 240_000;
const programMs = 300_000;
const readyMs = 60_000;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const wanted = process.argv.slice(2);
const names = Object.keys(programs).filter((name) => wanted.length === 0 || wanted.includes(name));
const scratch = mkdtempSync(join(tmpdir(), 'qmesh-programs-'));
/** @type {import('node:child_process').ChildProcess[]} */
const started = [];

try {
  const baseUrl = await serve();
  let failed = 0;
  for (const name of names) {
    const folder = await install(name);
    const cases = await tryOut(name, folder, baseUrl);
    failed += cases.filter(({ ok }) => !ok).length;
    console.log(`\n${name} ${JSON.stringify(programs[name])}`);
    for (const { ok, what, note } of cases)
      console.log(`  ${ok ? 'works ' : 'FAILED'}  ${what}${note ? `: ${note}` : ''}`);
  }
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  for (const child of started.reverse()) await stopped(child);
  rmSync(scratch, { recursive: true, force: true });
}

/** @returns the base URL of a gateway in front of one worker */
async function serve() {
  const env = {
    ...process.env,
    QMESH_HOME: join(scratch, 'home'),
    QMESH_HOST: '127.0.0.1',
    QMESH_ADMIN: 'off',
    QMESH_CONTEXT: '131072', // agents have long prompts, and the demo model's tokens are short
    QMESH_SLOTS: '2',
  };
  const dht = await said(
    ['dist/cli/qmesh.js', 'dht', '--host', '127.0.0.1', '--port', '0', '--json'],
    env,
    'dht.ready',
  );
  const mesh = { ...env, QMESH_BOOTSTRAP: String(dht.bootstrap) };
  await said(['dist/worker.js'], mesh, 'worker.ready');
  const { url } = await said(['dist/cli/qmesh.js', 'serve', '--listen', '127.0.0.1:0', '--json'], mesh, 'serve.ready');
  for (let tries = 0; tries < 50; tries++) {
    const models = /** @type {{ data: unknown[] }} */ (await (await fetch(`${url}/models`)).json());
    if (models.data.length > 0) return String(url);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('the gateway sees no worker');
}

/**
 * Starts one of this project's programs and waits for an event in its log.
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {string} event
 * @returns {Promise<Record<string, unknown>>} the event's log line
 */
function said(args, env, event) {
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
  started.push(child);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${args[0]} did not say ${event}`)), readyMs);
    child.on('exit', (code) => reject(new Error(`${args.join(' ')} ended with ${code}`)));
    createInterface(child.stdout).on('line', (text) => {
      const line = text.startsWith('{') ? JSON.parse(text) : {};
      if (line.event !== event) return;
      clearTimeout(timer);
      resolve(line);
    });
  });
}

/** @param {string} name */
async function install(name) {
  const folder = join(scratch, name);
  mkdirSync(folder);
  const dependencies = programs[name] ?? {};
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }));
  for (const file of [`${name}.mjs`, 'tried.mjs']) cpSync(join(root, 'scripts/programs', file), join(folder, file));
  if (Object.keys(dependencies).length > 0)
    await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel', 'error'], {
      cwd: folder,
      timeout: installMs,
    });
  return folder;
}

/**
 * @param {string} name
 * @param {string} folder
 * @param {string} baseUrl
 * @returns {Promise<{ ok: boolean, what: string, note?: string }[]>}
 */
async function tryOut(name, folder, baseUrl) {
  const env = {
    PATH: process.env.PATH,
    HOME: folder, // nothing from this user's settings
    OPENAI_BASE_URL: baseUrl,
    OPENAI_API_KEY: 'any',
    OPENAI_MODEL: 'qmesh-demo',
  };
  const { stdout, stderr } = await run(process.execPath, [`${name}.mjs`], {
    cwd: folder,
    env,
    timeout: programMs,
  }).catch((error) => error);
  const cases = String(stdout)
    .split('\n')
    .filter((line) => line.startsWith('{"what"'))
    .map((line) => JSON.parse(line));
  return cases.at(-1)?.what === 'end'
    ? cases.slice(0, -1)
    : [...cases, { ok: false, what: 'runs', note: String(stderr).slice(-400) }];
}

/** @param {import('node:child_process').ChildProcess} child */
async function stopped(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const over = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await over;
}
