/** A question by `qmesh ask` at a real worker, and what is on its disk in the end: order, receipt and ack, certified. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { WorkerReport } from '../../src/actors/control/messages.js';
import { openScoreStore, scoreFolder } from '../../src/actors/scores/score-store.js';
import type { Answer } from '../../src/client/answer-stream.js';
import type { Quote } from '../../src/cli/price.js';
import { objectHash } from '../../src/protocol/signed-objects.js';
import { topicName } from '../../src/protocol/topics.js';
import { examine } from '../../src/rules/claim.js';
import { CommandLine, freePort } from '../support/command.js';

const cli = new CommandLine();
const timeout = 180_000;
afterAll(() => cli.close());

it('an answer is ordered, has its receipt, and is paid for', { timeout }, async () => {
  const [home, clientHome] = [await cli.folder(), await cli.folder()];
  const mesh = { QMESH_BOOTSTRAP: `local:${await freePort()}`, QMESH_ADMIN: 'off', QMESH_THREADS: '1' };
  const own = { ...mesh, QMESH_HOME: home };
  const theirs = { ...mesh, QMESH_HOME: clientHome };
  const worker = cli.start(['worker'], own);
  await worker.says('worker.ready');

  const asked = await cli.run(['ask', '--json', '--max-tokens', '5', 'count from 5'], theirs);
  const { text, receipt, paidMillipoints, worker: by } = JSON.parse(asked.stdout) as Answer;
  expect([text, paidMillipoints]).toEqual(['6 7 8 9 10', 0]);
  expect(receipt).toMatchObject({ worker: by, success: true, resultChars: text.length });
  expect(readdirSync(join(clientHome, 'acks'))).toEqual([]); // the ack has left

  // Alone, a worker certifies for itself: it has the points of a guest's request, and an achievement's.
  const balance = async (): Promise<number | null> => {
    const { stdout } = await cli.run(['status', '--json'], own);
    return (JSON.parse(stdout) as WorkerReport).balance;
  };
  await expect.poll(balance, { timeout: 20_000, interval: 500 }).toBe(receipt!.score + 5_000);
  const priced = await cli.run(['ask', '--price', '--json', 'count from 5'], own);
  expect(JSON.parse(priced.stdout) as Quote).toMatchObject({ tier: 'bronze', costMillipoints: 7_240 });

  expect((await cli.run(['stop'], own)).code).toBe(0);
  await worker.ended;
  const { store } = await openScoreStore(join(home, scoreFolder));
  try {
    const hash = objectHash('receipt', receipt!);
    const certificate = await new Promise<Parameters<typeof examine>[0]>((found, failed) =>
      store.certificate(hash, (error, kept) => (kept === undefined ? failed(error ?? new Error('none')) : found(kept))),
    );
    expect(examine(certificate, topicName('inference')).kind).toBe('sound');
  } finally {
    await new Promise<void>((closed) => store.close(() => closed()));
  }
});
