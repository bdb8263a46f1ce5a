/** `qmesh ask --local`: where no worker is left, this machine answers. The real command line, on a local mesh of its own. */
import { afterAll, expect, it } from 'vitest';
import { CommandLine, freePort } from '../support/command.js';

const cli = new CommandLine();
const freshEnv = async () => ({
  QMESH_HOME: await cli.folder(),
  QMESH_BOOTSTRAP: `local:${await freePort()}`,
  QMESH_THREADS: '1',
  QMESH_ADMIN: 'off',
});
afterAll(() => cli.close());

const counted = (from: number, tokens: number): string =>
  Array.from({ length: tokens }, (_, i) => `${from + 1 + i}`).join(' ');

it.concurrent('answers where there is no worker at all, and says so', { timeout: 60_000 }, async () => {
  const { code, stdout, stderr } = await cli.run(
    ['ask', '--local', '--json', 'count from 7', '--max-tokens', '5'],
    await freshEnv(),
  );
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toMatchObject({ text: counted(7, 5), isLocal: true, tries: [{}] });
  expect(code).toBe(0);
});

it.concurrent('says why it cannot, where it cannot', { timeout: 60_000 }, async () => {
  const { code, stderr } = await cli.run(['ask', '--local', '--model', 'nope', 'hi'], await freshEnv());
  expect(stderr).toContain('This machine cannot answer by itself: There is no model nope');
  expect(code).toBe(1);
});

it.concurrent('goes on from where a worker was lost: nothing twice, nothing missing', { timeout: 90_000 }, async () => {
  const tokens = 1_500;
  const env = await freshEnv();
  const worker = cli.start(['worker'], env);
  await worker.says('worker.ready');
  const ask = cli.start(['ask', '--local', 'count from 5', '--max-tokens', `${tokens}`], env);
  await ask.says('6 7');
  worker.child.kill('SIGKILL');
  const { code, stdout } = await ask.ended;
  expect(stdout).toBe(`${counted(5, tokens)}\n`);
  expect(code).toBe(0);
});
