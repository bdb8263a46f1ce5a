/**
 * The command line as its users meet it: real processes, real networks, and above all what they are told when something is wrong.
 * Each error is a line what, why, and what to do next; exit codes are 0 done, 1 failed, 2 used wrongly, 130 interrupted.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeModel } from '../../src/gguf/models.js';
import { CommandLine, freePort, occupyPort, type Command, type Ended } from '../support/command.js';

const cli = new CommandLine();
afterAll(() => cli.close());

/** A home and a mesh in which nothing was done yet. */
const freshEnv = async () => ({ QMESH_HOME: await cli.folder(), QMESH_BOOTSTRAP: `local:${await freePort()}` });

/** Fails with exactly these lines on stderr; strings stand for lines that hold them. */
function expectError({ code, stderr }: Ended, expected: number, ...lines: readonly (string | RegExp)[]): void {
  const said = stderr.trim().split('\n');
  for (const line of lines)
    expect(said).toContainEqual(typeof line === 'string' ? expect.stringContaining(line) : expect.stringMatching(line));
  expect(said).toHaveLength(lines.length);
  expect(code).toBe(expected);
}

describe.concurrent('used wrongly', () => {
  const mistakes: readonly { readonly args: readonly string[]; readonly lines: readonly RegExp[] }[] = [
    { args: ['wrker'], lines: [/^qmesh: unknown command 'wrker'/, /Did you mean worker\?/, /^  See: qmesh --help$/] },
    {
      args: ['worker', '--slts', '3'],
      lines: [/unknown option '--slts'/, /Did you mean --slots\?/, /qmesh worker --help/],
    },
    { args: ['ask'], lines: [/there is nothing to ask/, /through stdin/, /Example: qmesh ask/] },
    {
      args: ['ask', 'hi', '--max-tokens', 'x'],
      lines: [/argument 'x' is invalid. It must be a whole number/, /--help/],
    },
    { args: ['ask', 'hi', '--pin', 'abc'], lines: [/A worker ID is 64 hex characters/, /--help/] },
    { args: ['dht', '--port', '99999'], lines: [/--port is "99999"/, /from 0 to 65532/, /Example: qmesh dht --port/] },
    {
      args: ['worker', '--slots', 'many'],
      lines: [/settings are not usable/, /--slots is "many"; expected a whole number from 1 to 64/, /--help/],
    },
  ];
  it.each(mistakes)('qmesh $args', async ({ args, lines }) => {
    expectError(await cli.run(args, await freshEnv()), 2, ...lines);
  });

  it('node dist/worker.js takes the same flags, and errs the same way', async () => {
    const env = await freshEnv();
    const help = await cli.run(['--help'], env, 'worker.js');
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('Usage: worker.js [options]');
    expectError(
      await cli.run(['--nope'], env, 'worker.js'),
      2,
      "unknown option '--nope'",
      /Did you mean/,
      /worker\.js --help/,
    );
  });

  it('names a bad or unknown setting and where it came from, all at once', async () => {
    const env = { ...(await freshEnv()), QMESH_BOOTSTRAP: 'nowhere', QMESH_SLOT: '3' };
    expectError(
      await cli.run(['worker'], env),
      2,
      'the settings are not usable',
      'QMESH_BOOTSTRAP in the environment is "nowhere"; expected "local", "local:PORT", "public", or addresses as host:port',
      'QMESH_SLOT in the environment is not a setting; did you mean QMESH_SLOTS?',
      'docs/configuration.md',
    );
  });

  it('names a mistake in the configuration file', async () => {
    const env = await freshEnv();
    const file = join(env.QMESH_HOME, 'qmesh.config.json');
    await writeFile(file, '{"slots": 0}');
    expectError(await cli.run(['worker'], env), 2, 'not usable', `"slots" in ${file} is 0; expected`, 'docs/');
  });

  it('is told in JSON where JSON is read', async () => {
    const { code, stdout } = await cli.run(['ask', '--json', 'hi', '--seed', 'x'], await freshEnv());
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'usage', message: expect.stringContaining('--seed') } });
  });
});

describe.concurrent('a worker that cannot start', () => {
  it('whose home is a file', async () => {
    const { QMESH_HOME } = await freshEnv();
    const file = join(QMESH_HOME, 'file');
    await writeFile(file, '');
    expectError(
      await cli.run(['worker', '--home', file], { QMESH_HOME }),
      1,
      /is not a folder/,
      'Set QMESH_HOME to one.',
    );
  });

  it('whose identity cannot be read', async () => {
    const env = await freshEnv();
    await mkdir(join(env.QMESH_HOME, 'identity.key'), { mode: 0o700 });
    expectError(await cli.run(['worker'], env), 1, /cannot read .*identity\.key \(EISDIR/, 'Make it a file of yours');
  });

  it('whose identity is damaged', async () => {
    const env = await freshEnv();
    await writeFile(join(env.QMESH_HOME, 'identity.key'), 'deadbeef', { mode: 0o600 });
    expectError(await cli.run(['worker'], env), 1, /identity\.key is damaged/, 'Restore it from a backup');
    expect(await readFile(join(env.QMESH_HOME, 'identity.key'), 'utf8')).toBe('deadbeef');
  });

  it('whose model is not there', async () => {
    const env = await freshEnv();
    const missing = join(env.QMESH_HOME, 'missing.gguf');
    const lines = [
      'no model can be served',
      `The model ${missing} does not exist. Check the path`,
      'qmesh models list',
    ];
    expectError(await cli.run(['worker', '--model', missing], env), 1, ...lines);
  });

  it('whose model is no GGUF file', async () => {
    const env = await freshEnv();
    const file = join(env.QMESH_HOME, 'page.gguf');
    await writeFile(file, '<!doctype html>'.repeat(100));
    const ended = await cli.run(['worker', '--model', file], env);
    const why = `${file}: it is a web page or XML, not a GGUF model. Give the path of a GGUF model`;
    expectError(ended, 1, 'no model can be served', why, 'qmesh models list');
  });

  it('whose model needs more memory than there is', async () => {
    const env = { ...(await freshEnv()), QMESH_CONTEXT: '1048576', QMESH_SLOTS: '64' };
    const file = join(env.QMESH_HOME, 'big.gguf');
    await writeModel('bench-0.5b', file);
    const ended = await cli.run(['worker', '--model', file], env);
    const why = /it needs about \d{3,}\.\d GB of memory with 64 slots of 1048576 tokens, and .* free; .*lower --slots/;
    expectError(ended, 1, 'no model can be served', why, 'qmesh models list');
  });

  it('whose local port another program has', async () => {
    const { port, free } = await occupyPort();
    const env = { QMESH_HOME: await cli.folder(), QMESH_BOOTSTRAP: `local:${port}` };
    const why = `port ${port} on 127.0.0.1 is taken by another program`;
    const next = 'Free it, or meet on another one with QMESH_BOOTSTRAP=local:PORT.';
    const [worker, ask] = await Promise.all([cli.run(['worker'], env), cli.run(['ask', 'hi'], env)]);
    await free();
    expectError(worker, 1, 'the worker cannot join its mesh', why, next);
    expectError(ask, 1, 'the mesh cannot be joined', why, next);
  });

  it('whose address is not of this machine', async () => {
    const env = { QMESH_HOME: await cli.folder(), QMESH_BOOTSTRAP: '203.0.113.1:50000', QMESH_HOST: '203.0.113.2' };
    expectError(
      await cli.run(['worker'], env),
      1,
      'the worker cannot join its mesh',
      'cannot bind 203.0.113.2',
      'Set QMESH_HOST to an IPv4 address of this machine.',
    );
  });

  it('because it is told to stop while it starts', async () => {
    const worker = cli.start(['worker'], await freshEnv());
    await worker.says('dht.ready');
    worker.child.kill('SIGINT');
    expect(await worker.ended).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('qmesh dht', () => {
  it('says where it is, in JSON, and ends in good order', async () => {
    const dht = cli.start(['dht', '--port', '0', '--host', '127.0.0.1', '--json'], await freshEnv());
    const line = JSON.parse(await dht.says('dht.ready')) as unknown;
    expect(line).toEqual({
      event: 'dht.ready',
      bootstrap: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      ports: [expect.any(Number)], // one is enough where no router is in between
    });
    dht.child.kill('SIGTERM');
    expect((await dht.ended).code).toBe(0);
  });

  it('says what to do where its port is taken', async () => {
    const { port, free } = await occupyPort();
    const ended = await cli.run(['dht', '--port', `${port}`, '--host', '127.0.0.1'], await freshEnv());
    await free();
    expectError(
      ended,
      1,
      'cannot start',
      `port ${port} on 127.0.0.1 is in use by another program`,
      'choose another with --port',
    );
  });
});

describe('qmesh models list', () => {
  it('shows what is here, what is wrong with it, and what there is elsewhere', async () => {
    const env = await freshEnv();
    await mkdir(join(env.QMESH_HOME, 'models'));
    await writeFile(join(env.QMESH_HOME, 'models', 'Broken.gguf'), 'x');
    const { local, catalog } = JSON.parse((await cli.run(['models', 'list', '--json'], env)).stdout) as {
      local: unknown[];
      catalog: { name: string; licence: string; url: string; present: boolean }[];
    };
    expect(local).toEqual([expect.objectContaining({ name: 'broken', bytes: null, problem: expect.any(String) })]);
    expect(catalog.length).toBeGreaterThan(5);
    for (const model of catalog)
      expect(model).toMatchObject({ present: false, url: expect.stringMatching(/^https:.*\.gguf$/) });
    const { stdout, code } = await cli.run(['models', 'list'], env);
    expect(code).toBe(0);
    for (const { name, licence } of catalog) expect(stdout).toMatch(new RegExp(`${name}.*${licence}`));
    expect(stdout).toContain('qmesh models pull smollm2-360m-instruct-q8_0');
  });
});

describe('qmesh models add, verify and rm', () => {
  it('take a file in, notice that a byte of it changed, and ask before it goes', async () => {
    const env = await freshEnv();
    const file = join(env.QMESH_HOME, 'Tiny.gguf');
    await writeModel('bench-tiny', file);
    const added = await cli.run(['models', 'add', file, '--json'], env);
    const { path, sha256 } = JSON.parse(added.stdout) as { path: string; sha256: string };
    expect(path).toBe(join(env.QMESH_HOME, 'models/tiny.gguf'));
    expect(await cli.run(['models', 'verify'], env)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(sha256),
    });
    const bytes = await readFile(path);
    bytes.writeUInt8(bytes.readUInt8(400_000) ^ 1, 400_000);
    await writeFile(path, bytes);
    const { code, stdout } = await cli.run(['models', 'verify', 'tiny', '--json'], env);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'changed', reason: expect.stringContaining(sha256) });
    const why = 'Nobody is there to be asked whether to.';
    expectError(await cli.run(['models', 'rm', 'tiny'], env), 2, 'tiny was not deleted', why, '--yes');
    expect(await cli.run(['models', 'rm', 'tiny', '--yes'], env)).toMatchObject({ code: 0, stderr: '' });
    expectError(
      await cli.run(['models', 'rm', 'tiny', '--yes'], env),
      1,
      'no model tiny here',
      'Looked for',
      'models list',
    );
  });
});

describe('with a worker', () => {
  let env: { QMESH_HOME: string; QMESH_BOOTSTRAP: string };
  let worker: Command;
  let ready: { workerId: string; models: string[]; bootstrap: string; admin: string };

  beforeAll(async () => {
    env = await freshEnv();
    worker = cli.start([], { ...env, QMESH_ADMIN: '127.0.0.1:0' }, 'worker.js');
    ready = JSON.parse(await worker.says('worker.ready')) as typeof ready;
  });

  it('that says so in one line, and where its page is', async () => {
    const workerId = (await readFile(join(env.QMESH_HOME, 'worker-id.txt'), 'utf8')).trim();
    expect(ready).toMatchObject({
      workerId,
      models: ['qmesh-demo'],
      bootstrap: env.QMESH_BOOTSTRAP.replace('local', '127.0.0.1'),
      admin: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    });
    expect(JSON.parse(await worker.says('admin.listening'))).toMatchObject({ level: 30, admin: ready.admin });
  });

  it('an answer is streamed to the terminal', async () => {
    const ended = await cli.run(['ask', 'count', 'from', '5', '--max-tokens', '6'], env);
    expect(ended).toMatchObject({ code: 0, stdout: '6 7 8 9 10 11\n', stderr: '' });
  });

  it('an answer is one JSON object', async () => {
    const { code, stdout, stderr } = await cli.run(['ask', '--json', 'count from 7', '--max-tokens', '3'], env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      text: '8 9 10',
      finishReason: 'length',
      model: { name: 'qmesh-demo', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      usage: { promptTokens: expect.any(Number), completionTokens: 3 },
      timing: { queuedMs: expect.any(Number), firstTokenMs: expect.any(Number), totalMs: expect.any(Number) },
      isLocal: false,
      worker: ready.workerId,
      tries: [{ worker: ready.workerId }],
      timings: { connectMs: expect.any(Number), firstTextMs: expect.any(Number), totalMs: expect.any(Number) },
    });
  });

  it('a second one on the same home is refused', async () => {
    const pid = worker.child.pid ?? 0;
    const what = `a worker is already running, pid ${pid}, on ${env.QMESH_HOME}`;
    expectError(await cli.run(['worker'], env), 1, what, 'Stop it, or set QMESH_HOME to another folder.');
  });

  it('what it serves is offered to others, and is not deleted', async () => {
    const { offered } = JSON.parse((await cli.run(['models', 'list', '--mesh', '--json'], env)).stdout) as {
      offered: { name: string; seeders: string[] }[];
    };
    expect(offered).toEqual([expect.objectContaining({ name: 'qmesh-demo', seeders: [expect.any(String)] })]);
    const why = `The worker of this home serves it (pid ${worker.child.pid ?? 0}).`;
    const ended = await cli.run(['models', 'rm', 'qmesh-demo', '--yes'], env);
    expectError(ended, 1, 'qmesh-demo was not deleted', why, 'qmesh stop');
  });

  it('the doctor finds it, and the mesh that it holds', async () => {
    const { stdout } = await cli.run(['doctor', '--json'], env);
    const { findings } = JSON.parse(stdout) as { findings: Record<string, { status: string; says: string }> };
    for (const name of ['node', 'llama', 'home', 'identity', 'mesh', 'models', 'serving', 'worker'])
      expect(findings[name], name).toMatchObject({ status: 'ok' });
    expect(findings.worker?.says).toContain(`pid ${worker.child.pid ?? 0}`);
    expect(findings.mesh?.says).toContain('is there');
  });

  it('an unknown model is said to be unknown, with those that are served', async () => {
    const why = 'No worker here serves nope; they serve qmesh-demo.';
    expectError(await cli.run(['ask', 'hi', '--model', 'nope'], env), 1, 'no answer', why, 'Leave out --model');
  });

  it('a pinned worker that lacks the model is named at once', async () => {
    const why = `The worker ${ready.workerId} does not serve nope.`;
    const ended = await cli.run(['ask', 'hi', '--pin', ready.workerId, '--model', 'nope'], env);
    expectError(ended, 1, 'no answer', why, 'Leave out --model');
  });

  it('Ctrl-C ends the answer where it is', async () => {
    const ask = cli.start(['ask', 'count from 5', '--max-tokens', '900'], env);
    await ask.says('6 7');
    ask.child.kill('SIGINT');
    const { code, stdout, stderr } = await ask.ended;
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
    const numbers = stdout.trim().split(' ').map(Number);
    expect(numbers.slice(0, -1)).toEqual(numbers.slice(0, -1).map((_, i) => i + 6));
    expect(numbers.length).toBeLessThan(900);
  });

  it('its terminal is closed: it ends in good order, and nobody answers any more', async () => {
    worker.child.kill('SIGHUP');
    const { code, stdout, stderr } = await worker.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('"event":"worker.stopped"');
    const why = 'No worker was found that could answer.';
    const [told, { stdout: json, code: failed }] = await Promise.all([
      cli.run(['ask', 'hi'], env),
      cli.run(['ask', 'hi', '--json'], env),
    ]);
    expectError(told, 1, 'no answer', why, 'qmesh worker');
    expect(failed).toBe(1);
    expect(JSON.parse(json)).toEqual({
      error: { code: 'no_worker', message: 'no answer', why, next: expect.stringContaining('qmesh worker') },
    });
  });
});
