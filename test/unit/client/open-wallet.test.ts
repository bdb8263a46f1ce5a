/** The wallet of a home in which no worker runs: what it goes by, and what it leaves for the next program. */
import { mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openHome, type Home } from '../../../src/actors/home/home.js';
import { loadIdentity } from '../../../src/actors/home/identity.js';
import { balanceIn, emptyForMs } from '../../../src/actors/wallet/known-balance.js';
import type { Connection } from '../../../src/actors/ports.js';
import { openWallet } from '../../../src/client/open-wallet.js';
import type { PromptMessage } from '../../../src/protocol/messages.js';
import { textFacts } from '../../../src/protocol/salted-hash.js';
import { signObject } from '../../../src/protocol/signed-objects.js';
import { receiptOf } from '../../../src/rules/receipt.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { nullLogger } from '../../../src/runtime/log.js';
import { systemRandom } from '../../../src/runtime/random.js';
import { account, sha256 } from '../../support/ledger-cases.js';

const [client, worker] = [account('client'), account('worker')];
let path: string;
let home: Home;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'qmesh-wallet-'));
  home = openHome(path);
});
afterEach(() => rmSync(path, { recursive: true, force: true }));

const known = () => balanceIn(home, client.publicKeyHex, nullLogger);
const open = () =>
  openWallet(
    { identity: client, home, networkPrefix: '', maxPrice: 10_000, scores: undefined },
    { clock: systemClock, random: systemRandom, log: nullLogger },
  );
const prompt: PromptMessage = { v: 2, type: 'prompt', id: 'r1', prompt: 'count from 5' };

it('offers what was known last, and leaves what is left of it', async () => {
  known().write(20_000);
  expect(statSync(join(path, 'balance.json')).mode & 0o077).toBe(0);
  const opened = await open();
  const { wallet } = opened;
  wallet.connected({ remoteKey: worker.publicKeyHex, write: () => {} } as unknown as Connection);
  const { order, salt } = wallet.order(worker.publicKeyHex, prompt, false)!;
  expect([wallet.balance, order.maxPrice]).toEqual([20_000, 7_240]);

  const answer = {
    v: 2,
    type: 'inference_result',
    id: 'r1',
    text: '6 7 8',
    model: { name: 'm', sha256: sha256('model') },
    usage: { promptTokens: 4, completionTokens: 3 },
    timing: { queuedMs: 0, firstTokenMs: 1, totalMs: 1 },
    finishReason: 'stop',
  } as const;
  const receipt = signObject('receipt', receiptOf(order, salt, answer, { responseMs: 1, finishedAt: 1 })!, worker);
  const settled = wallet.settle(worker.publicKeyHex, { ...answer, receipt });
  expect(settled?.paid).toBe(6_265);
  expect(textFacts('6 7 8', salt)?.hash).toBe(receipt.resultHash);
  wallet.close();
  await opened.close();
  expect(known().read()).toBe(13_735);
  expect((await open()).wallet.balance).toBe(13_735);
});

it('offers all the same where nothing was ever known, of another account, or it cannot be read', async () => {
  const offer = async (): Promise<number> =>
    (await open()).wallet.order(worker.publicKeyHex, prompt, false)!.order.maxPrice;
  expect(await offer()).toBe(7_240);
  balanceIn(home, worker.publicKeyHex, nullLogger).write(20_000);
  expect(await offer()).toBe(7_240);
  writeFileSync(join(path, 'balance.json'), '{"account":');
  expect(await offer()).toBe(7_240);

  const { wallet } = await open();
  wallet.refused();
  expect(wallet.order(worker.publicKeyHex, prompt, false)!.order.maxPrice).toBe(0);
  expect(await offer()).toBe(0);
});

it('offers once a day where there was nothing, since there may be something by now', async () => {
  const offer = async (): Promise<number> =>
    (await open()).wallet.order(worker.publicKeyHex, prompt, false)!.order.maxPrice;
  const yesterday = new Date(systemClock.now() - emptyForMs - 1_000);
  known().write(999);
  expect(await offer()).toBe(0);
  utimesSync(join(path, 'balance.json'), yesterday, yesterday);
  expect(await offer()).toBe(7_240);

  (await open()).wallet.refused();
  expect([await offer(), known().read()]).toEqual([0, 0]);
  utimesSync(join(path, 'balance.json'), yesterday, yesterday);
  (await open()).wallet.refused();
  expect(await offer()).toBe(0);
});

it('is not believed to be empty for a refusal where it is known', async () => {
  known().write(20_000);
  const { wallet } = await open();
  wallet.refused();
  expect([wallet.balance, known().read()]).toEqual([20_000, 20_000]);
});

it('of an account that was made here a moment ago has nothing to offer', async () => {
  const { keyPair } = loadIdentity(home, systemRandom, nullLogger);
  const source = { identity: keyPair, home, networkPrefix: '', maxPrice: 10_000, scores: undefined };
  const { wallet } = await openWallet(source, { clock: systemClock, random: systemRandom, log: nullLogger });
  expect(wallet.order(worker.publicKeyHex, prompt, false)!.order.maxPrice).toBe(0);
});
