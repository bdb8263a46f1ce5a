/** The wallet by itself: what it signs, and above all what it does not. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acksIn } from '../../../../src/actors/wallet/ack-folder.js';
import { AckPost, arrivedAfterMs, type AckStore } from '../../../../src/actors/wallet/ack-post.js';
import { Wallet } from '../../../../src/actors/wallet/wallet.js';
import type { InferenceResultMessage, PromptMessage, ReceiptAckMessage } from '../../../../src/protocol/messages.js';
import { objectHash, signObject, type Unsigned } from '../../../../src/protocol/signed-objects.js';
import { orderProblem } from '../../../../src/rules/order.js';
import { ackLifeMs, receiptOf } from '../../../../src/rules/receipt.js';
import { nullLogger } from '../../../../src/runtime/log.js';
import { seededRandom } from '../../../../src/runtime/random.js';
import { VirtualClock } from '../../../../src/runtime/virtual-clock.js';
import { account, network, noonMs, sha256 } from '../../../support/ledger-cases.js';
import { FakeConnection } from '../fake-connection.js';

const [client, worker] = [account('client'), account('worker')];
const workerId = worker.publicKeyHex;

let folder: string;
let clock: VirtualClock;
let balance: number | undefined;
let wallet: Wallet;
let connection: FakeConnection;

const home = (): AckStore => acksIn({ path: folder }, nullLogger);
const files = (): string[] => readdirSync(join(folder, 'acks'));

function open(acks = home()): Wallet {
  const ambient = { clock, log: nullLogger, random: seededRandom(1) };
  const opened = new Wallet({
    ...ambient,
    identity: client,
    network,
    maxPrice: 10_000,
    balance: (found) => found(balance),
    post: new AckPost(acks, ambient),
  });
  opened.refresh();
  return opened;
}

function connect(): FakeConnection {
  connection = new FakeConnection(workerId);
  wallet.connected(connection);
  return connection;
}

const acksOn = (on: FakeConnection): ReceiptAckMessage[] =>
  on.written.filter((message): message is ReceiptAckMessage => message.type === 'receipt_ack');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'qmesh-wallet-'));
  clock = new VirtualClock(noonMs);
  balance = 20_000;
  wallet = open();
  connect();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const prompt = (id = 'r1', more: Partial<PromptMessage> = {}): PromptMessage => ({
  v: 2,
  type: 'prompt',
  id,
  messages: [{ role: 'user', content: 'count from 5' }],
  ...more,
});

type Made = NonNullable<ReturnType<Wallet['order']>>;
const order = (asked = prompt(), isGuest = false): Made => wallet.order(workerId, asked, isGuest)!;

function result({ order: made, salt }: Made, changes: Partial<Unsigned<'receipt'>> = {}, text = '6 7 8') {
  const said: InferenceResultMessage = {
    v: 2,
    type: 'inference_result',
    id: made.id,
    text,
    model: { name: 'm', sha256: sha256('model') },
    usage: { promptTokens: 4, completionTokens: 3 },
    timing: { queuedMs: 0, firstTokenMs: 10, totalMs: 500 },
    finishReason: 'stop',
  };
  const due = receiptOf(made, salt, said, { responseMs: 500, finishedAt: Math.floor(clock.now()) })!;
  return { ...said, receipt: signObject('receipt', { ...due, ...changes }, worker) };
}

/** The answer comes after half a second. */
function settle(made: Made, message: InferenceResultMessage = result(made)) {
  clock.advance(500);
  return wallet.settle(workerId, message);
}

describe('an order', () => {
  it('is one that its worker takes, with a salt of its own and the price that the request can cost', () => {
    const made = order();
    const view = { network, account: client.publicKeyHex, worker: workerId, nowMs: clock.now() };
    expect(orderProblem(made.order, { ...prompt(), salt: made.salt }, view)).toBeUndefined();
    expect(made.order.maxPrice).toBe(7_240);
    expect(order(prompt('r2')).salt).not.toBe(made.salt);
  });

  it('for the same request at the same worker keeps the hash of the prompt, and reserves once', () => {
    const first = order();
    clock.advance(10);
    const again = order();
    expect(again.order.promptHash).toBe(first.order.promptHash);
    expect(objectHash('order', again.order)).not.toBe(objectHash('order', first.order));
    expect(wallet.free).toBe(20_000 - 7_240);
  });

  it('offers what is left, and nothing where that buys no tier, or where a guest asks', () => {
    expect([1, 2, 3, 4].map((n) => order(prompt(`r${n}`)).order.maxPrice)).toEqual([7_240, 7_240, 5_520, 0]);
    expect(order(prompt('r5'), true).order.maxPrice).toBe(0);
  });

  it('offers what it may cost where nobody knows the balance, until a worker says that there is not as much', () => {
    balance = undefined;
    wallet = open();
    expect([order().order.maxPrice, wallet.balance]).toEqual([7_240, undefined]);
    wallet.refused();
    expect([order(prompt('r2')).order.maxPrice, wallet.balance]).toEqual([0, 0]);
  });

  it('is not made for one own worker, nor where the prompt has no hash', () => {
    expect(wallet.order(client.publicKeyHex, prompt(), false)).toBeUndefined();
    expect(wallet.order(workerId, prompt('r1', { prompt: '\udc00' }), false)).toBeUndefined();
  });
});

describe('what is reserved', () => {
  it('is free again where the request fails, or its connection is lost', () => {
    order();
    wallet.failed(workerId, 'r1');
    expect(wallet.free).toBe(20_000);
    order();
    wallet.disconnected(connection);
    expect(wallet.free).toBe(20_000);
  });

  it('stays so after the result, until a balance that was looked up later', () => {
    expect(settle(order())?.paid).toBeGreaterThan(0);
    wallet.refresh();
    expect(wallet.free).toBe(20_000 - 7_240);
    clock.advance(arrivedAfterMs);
    balance = 13_000;
    wallet.refresh();
    expect(wallet.free).toBe(13_000);
  });
});

describe('a receipt', () => {
  it('that says what came is acked at once, by what was measured here', () => {
    const made = order();
    const said = result(made);
    expect(settle(made, said)).toEqual({ receipt: said.receipt, paid: said.receipt.score });
    expect(acksOn(connection).map(({ id, ack }) => [id, ack.receipt, ack.responseMs])).toEqual([
      ['r1', objectHash('receipt', said.receipt), 500],
    ]);
  });

  it('is measured to the last text, not to what came after it', () => {
    const made = order();
    const said = result(made);
    clock.advance(500);
    wallet.heard(workerId, 'r1', '6 7 8');
    clock.advance(900); // its worker's disk is slow
    wallet.settle(workerId, said);
    expect(acksOn(connection)[0]?.ack.responseMs).toBe(500);
  });

  it.each<[string, Partial<Unsigned<'receipt'>>]>([
    ['another order', { order: sha256('another') }],
    ['another text', { resultHash: sha256('another') }],
    ['a longer text', { resultChars: 6 }],
    ['more tokens', { completionTokens: 4 }],
    ['another model', { model: sha256('another') }],
    ['more points', { score: 9_000 }],
    ['another time', { responseMs: 2_000, speed: 4_000, score: 5_265 }],
    ['a failure', { success: false }],
  ])('that says %s is not', (_, changes) => {
    const made = order();
    expect(settle(made, result(made, changes))).toBeUndefined();
    expect(acksOn(connection)).toEqual([]);
    expect(wallet.free).toBe(20_000);
  });

  it('is acked once for each order, though another one of the same comes', () => {
    const made = order();
    expect(settle(made)).toBeDefined();
    expect(settle(made, result(made, {}, '6 7 8 9'))).toBeUndefined();
    expect(acksOn(connection)).toHaveLength(1);
  });

  it('of the first sending counts, where its result is told from where the client is by now', () => {
    const made = order();
    const whole = result(made);
    clock.advance(100);
    order(prompt('r1', { resume: { text: '6 7' } }));
    expect(settle(made, { ...whole, text: ' 8' })?.receipt).toEqual(whole.receipt);
  });
});

describe('an ack', () => {
  it('is in the home before it is sent, and leaves it when it has arrived', () => {
    settle(order());
    expect(files()).toHaveLength(1);
    clock.advance(arrivedAfterMs);
    expect(files()).toEqual([]);
  });

  it('that was lost with its connection is sent on the next one, by this process or another of this home', () => {
    settle(order());
    const [{ ack } = { ack: undefined }] = acksOn(connection);
    wallet.disconnected(connection);
    clock.advance(arrivedAfterMs);
    expect(acksOn(connect()).map((sent) => sent.ack)).toEqual([ack]);
    wallet.disconnected(connection);
    wallet = open();
    expect(acksOn(connect()).map((sent) => sent.ack)).toEqual([ack]);
    wallet.close();
    expect(files()).toEqual([]);
  });

  it('is forgotten after a day, and so is a file that is none', () => {
    settle(order());
    wallet.disconnected(connection);
    writeFileSync(join(folder, 'acks', 'x.json'), '{"worker":1}');
    clock.advance(ackLifeMs);
    wallet = open();
    expect(acksOn(connect())).toEqual([]);
    expect(files()).toEqual([]);
  });

  it('that cannot be kept is not sent', () => {
    wallet = open({
      ...home(),
      keep: () => {
        throw new Error('no space left on device');
      },
    });
    connect();
    expect(settle(order())).toBeUndefined();
    expect(acksOn(connection)).toEqual([]);
  });
});
