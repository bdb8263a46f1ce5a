/**
 * A stranger that pays: orders, receipts and acks at a real worker, which has its answers certified by the same stranger. Nothing of
 * src/. About 20 s.
 */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ackOf, attestationOf, claimOf, pointsOf, type ScorePeer } from './score-wire.js';
import { ScoreWorker } from './score-worker.js';
import {
  Account,
  hashOf,
  isSignedBy,
  patiently,
  saltedHash,
  topicName,
  type Message,
  type Signable,
  type WireClient,
} from './wire-client.js';

let worker: ScoreWorker;
let validator: ScorePeer;
beforeAll(async () => {
  worker = await ScoreWorker.start();
  return () => worker.dialled.stop();
});
afterEach(() => worker.dialled.closeClients());
const meetValidator = async () => (validator = await worker.dial(worker.validator));

const salt = '00112233445566778899aabbccddeeff';
const options = { maxTokens: 3, temperature: 0 };
type Asked = { id: string; order: Signable } & Record<string, unknown>;

/** What a good client sends, but for the changes. */
function asked(account: Account, id: string, changes: Signable = {}, text = 'count from 5'): Asked {
  const now = Date.now();
  const order = account.signed('order', {
    network: topicName,
    client: account.node,
    worker: worker.account.node,
    id,
    promptHash: saltedHash(salt, text),
    promptChars: text.length,
    maxPrice: 0,
    at: now,
    expiresAt: now + 60_000,
    ...changes,
  });
  return { id, prompt: text, options, salt, order };
}

/** An account that has earned 11,265 millipoints, and so a bucket of its own. */
async function earner(): Promise<Account> {
  await meetValidator();
  const account = new Account();
  await worker.certify(validator, [claimOf(account, new Account())]);
  return account;
}

const ask = (client: WireClient, prompt: Asked): Promise<Message> => patiently(() => client.askAsGuest(prompt));
const acknowledge = (client: WireClient, id: string, ack: Signable): void =>
  client.send({ v: 2, type: 'receipt_ack', id, ack });

describe('a request without points', () => {
  it('is ordered, answered with a receipt, acknowledged, attested by both, and counted', async () => {
    await meetValidator();
    const account = new Account();
    const client = await worker.ask(account);
    const text = '😀 count from 5';
    const { prompt: _, ...rest } = asked(account, 'whole');
    const messages = [{ role: 'user', content: text }];
    const canonical = JSON.stringify([{ content: text, role: 'user' }]);
    const order = account.signed('order', {
      ...(({ signature: __, ...unsigned }) => unsigned)(rest.order),
      promptHash: saltedHash(salt, canonical),
      promptChars: text.length - 1, // code points
    });
    const end = await ask(client, { ...rest, messages, order });
    const receipt = end.receipt as Signable;
    const responseMs = Math.round(end.timing.totalMs as number);
    expect(isSignedBy(worker.account.node, 'receipt', receipt)).toBe(true);
    expect(receipt).toEqual({
      order: hashOf('order', order),
      worker: worker.account.node,
      client: account.node,
      model: end.model.sha256,
      resultHash: saltedHash(salt, '6 7 8'),
      resultChars: 5,
      promptTokens: end.usage.promptTokens,
      completionTokens: 3,
      responseMs,
      success: true,
      ...pointsOf(14, 5, responseMs),
      finishedAt: expect.any(Number),
      signature: expect.any(String),
    });
    expect(Math.abs((receipt.finishedAt as number) - Date.now())).toBeLessThan(10_000);

    const hash = hashOf('receipt', receipt);
    const ack = ackOf(account, receipt);
    acknowledge(client, 'whole', ack);
    expect(await validator.claim(hash)).toEqual({ order, receipt, ack });
    expect(await validator.attestation(hash)).toMatchObject({ validator: worker.account.node, verdict: 'valid' });
    expect(await validator.counted(hash)).toEqual([]);
    validator.verify([attestationOf(worker.validator, hash)]);
    await expect.poll(() => validator.counted(hash)).toEqual([hash]);
  });

  it('cannot offer any', async () => {
    const account = new Account();
    const end = await ask(await worker.ask(account), asked(account, 'poor', { maxPrice: 1 }));
    expect(end).toMatchObject({ type: 'inference_error', code: 'insufficient_credit', retryable: false });
  });
});

describe('an order', () => {
  const offer = { maxPrice: 1_000 };

  it('is checked field by field, in the order of the page, and the same id may be asked again', async () => {
    const account = await earner();
    const client = await worker.ask(account);
    const now = Date.now();
    let changes: Signable = {
      ...offer,
      network: 'acme/qmesh-inference-v2',
      client: new Account().node,
      worker: new Account().node,
      id: 'another',
      promptHash: 'ab'.repeat(32),
      promptChars: 7,
      at: now + 400_000,
      expiresAt: now + 1_000_001,
    };
    const refusal = async (more: object = {}): Promise<unknown> => {
      const end = await ask(client, { ...asked(account, 'wrong', changes), ...more });
      expect(end).toMatchObject({ type: 'inference_error', code: 'bad_request' });
      return (end.message as string).split(':')[0];
    };
    const mended = (fields: Signable): void => void (changes = { ...changes, ...fields });
    const found: unknown[] = [await refusal()];
    for (const [fields, more] of [
      [{ network: topicName }],
      [{ client: account.node }],
      [{ worker: worker.account.node }],
      [{ id: 'wrong' }, { salt: undefined }],
      [{}],
      [{ promptHash: saltedHash(salt, 'count from 5') }],
      [{ promptChars: 12 }],
      [{ expiresAt: now + 401_000 }],
      [{ at: now - 10_000, expiresAt: now - 1 }],
    ] as [Signable, object?][]) {
      mended(fields);
      found.push(await refusal(more));
    }
    mended({ at: now, expiresAt: now + 600_000 });
    const forged = new Account().signed(
      'order',
      (({ signature: _, ...rest }) => rest)(asked(account, 'wrong', changes).order),
    );
    found.push(await refusal({ order: forged }));
    expect(found).toEqual([
      'order.network',
      'order.client',
      'order.worker',
      'order.id',
      'salt',
      'order.promptHash',
      'order.promptChars',
      'order.expiresAt',
      'order.at',
      'order.expiresAt',
      'order.signature',
    ]);
    expect(await ask(client, asked(account, 'wrong', changes))).toMatchObject({ text: '6 7 8' });
  });

  it.each<[string, string, object]>([
    ['order', 'a field more', { extra: 1 }],
    ['order.expiresAt', 'a field less', { expiresAt: undefined }],
    ['order.promptChars', 'a fraction', { promptChars: 12.5 }],
    ['order.maxPrice', 'a number below 0', { maxPrice: -1 }],
    ['order.maxPrice', 'more than 10 points', { maxPrice: 10_001 }],
    ['order.at', '2^53', { at: 2 ** 53 }],
    ['order.network', 'half of a surrogate pair', { network: 'qmesh\udc00' }],
    ['order.signature', 'a signature in capitals', { signature: 'AB'.repeat(64) }],
  ])('that fits no schema is a bad_request that names %s: %s', async (field, _, changes) => {
    const account = new Account();
    const good = asked(account, 'odd');
    const { end } = await (await worker.ask(account)).ask({ ...good, order: { ...good.order, ...changes } });
    expect(end).toMatchObject({ id: 'odd', code: 'bad_request' });
    expect((end.message as string).startsWith(`${field}:`)).toBe(true);
  });

  it('serves once; another one under the same id serves again', async () => {
    const account = await earner();
    const client = await worker.ask(account);
    const options = { maxTokens: 2_000, temperature: 0 };
    const prompt = { ...asked(account, 'once', offer), options, deadlineMs: 1 };
    expect(await ask(client, prompt)).toMatchObject({ code: 'deadline_exceeded' });
    const again = await ask(client, prompt);
    expect(again).toMatchObject({ code: 'bad_request', message: expect.stringMatching(/^order: .*used/) });
    expect(await ask(client, asked(account, 'once', offer))).toMatchObject({ text: '6 7 8' });
  });

  it('of an id that was cancelled brings what had come by then, with the same receipt', async () => {
    const account = await earner();
    const client = await worker.ask(account);
    const prompt = { ...asked(account, 'cut', offer), options: { maxTokens: 2_000, temperature: 0 } };
    client.prompt(prompt);
    await client.frame(({ type }) => type === 'inference_token');
    client.cancel('cut');
    const { end } = await client.answer('cut');
    expect(end).toMatchObject({ finishReason: 'cancelled', receipt: { success: true } });
    expect(await ask(await worker.ask(account), prompt)).toEqual(end);
  });

  it('of a finished id brings the stored result, byte for byte; for another prompt nothing', async () => {
    const account = await earner();
    const client = await worker.ask(account);
    const first = await ask(client, asked(account, 'kept', offer));
    const later = await worker.ask(account);
    const second = await ask(later, asked(account, 'kept', { ...offer, at: Date.now() - 5 }));
    expect(JSON.stringify(second)).toBe(JSON.stringify(first));
    const other = await ask(later, asked(account, 'kept', offer, 'count from 6'));
    expect(other).toMatchObject({ code: 'bad_request', message: expect.stringMatching(/^order\.promptHash:/) });
    expect(JSON.stringify(await ask(later, asked(account, 'kept', offer)))).toBe(JSON.stringify(first));
  });

  it('is covered by what is left of the balance while others run', async () => {
    const account = await earner(); // 11,265
    const client = await worker.ask(account);
    const dear = (id: string) => asked(account, id, { maxPrice: 6_000 });
    client.prompt({ ...dear('first'), options: { maxTokens: 2_000, temperature: 0 } });
    await client.frame(({ type, id }) => type === 'inference_token' && id === 'first');
    expect(await ask(client, dear('second'))).toMatchObject({ code: 'insufficient_credit' });
    expect(await ask(client, asked(account, 'third', { maxPrice: 5_265 }))).toMatchObject({ text: '6 7 8' });
    client.cancel('first');
    await client.answer('first');
  });

  it('of the worker to itself is none', async () => {
    const client = await worker.ask(worker.account);
    const end = await ask(client, asked(worker.account, 'own'));
    expect(end).toMatchObject({ text: '6 7 8' });
    expect(end).not.toHaveProperty('receipt');
  });
});

describe('an ack', () => {
  it('is owed for each result: with three owed nothing more is given, until one comes, on whatever connection', async () => {
    const account = await earner();
    const offer = { maxPrice: 1_000 };
    const client = await worker.ask(account);
    const receipts: Signable[] = [];
    for (const id of ['a', 'b', 'c']) receipts.push((await ask(client, asked(account, id, offer))).receipt as Signable);
    const refused = { type: 'inference_error', code: 'insufficient_credit' };
    expect(await ask(client, asked(account, 'd', offer))).toMatchObject(refused);
    const { order: _, ...without } = asked(account, 'd');
    expect(await ask(client, without as Asked)).toMatchObject(refused);

    // Not another's, nor one that tells another time, nor of something else.
    const [receipt] = receipts as [Signable, ...Signable[]];
    const { responseMs } = receipt as { responseMs: number };
    acknowledge(client, 'a', ackOf(new Account(), receipt));
    acknowledge(client, 'a', { ...ackOf(account, receipt), client: new Account().node });
    acknowledge(client, 'a', ackOf(account, receipt, { responseMs: 2 * responseMs + 1_000 }));
    acknowledge(client, 'a', ackOf(account, receipt, { receipt: randomBytes(32).toString('hex') }));
    expect(await ask(client, asked(account, 'd', offer))).toMatchObject(refused);

    await client.close();
    const later = await worker.ask(account);
    await meetValidator();
    const ack = ackOf(account, receipt);
    acknowledge(later, 'a', ack);
    expect(await validator.claim(hashOf('receipt', receipt))).toMatchObject({ receipt, ack });
    expect(await ask(later, asked(account, 'd', offer))).toMatchObject({ text: '6 7 8' });
  });
});
