/** The desk by itself: orders that no honest client makes, and what is remembered over a restart. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Desk } from '../../../../src/actors/worker/desk.js';
import { Ledger } from '../../../../src/actors/scores/ledger.js';
import type { InferenceResultMessage, PromptMessage } from '../../../../src/protocol/messages.js';
import type { KeyPair } from '../../../../src/protocol/keys.js';
import { promptFacts } from '../../../../src/protocol/salted-hash.js';
import {
  objectHash,
  signObject,
  type Claim,
  type Order,
  type Receipt,
  type Unsigned,
} from '../../../../src/protocol/signed-objects.js';
import { examine } from '../../../../src/rules/claim.js';
import { onItsWayMs, outstandingMs } from '../../../../src/rules/outstanding.js';
import { ackLifeMs } from '../../../../src/rules/receipt.js';
import { tierForOffer } from '../../../../src/rules/standing.js';
import { nullLogger } from '../../../../src/runtime/log.js';
import { VirtualClock } from '../../../../src/runtime/virtual-clock.js';
import { MemoryScoreStore, ScoreDisk } from '../../../simulation/world/memory-score-store.js';
import { account, network, noonMs, salt, sha256 } from '../../../support/ledger-cases.js';

const [worker, client, stranger] = ['worker', 'client', 'stranger'].map(account) as [KeyPair, KeyPair, KeyPair];
const who = client.publicKeyHex;

let clock: VirtualClock;
let disk: ScoreDisk;
let balance: number;
let strikes: string[];
let desk: Desk;

function open(hasLedger = true): Desk {
  return new Desk({
    identity: worker,
    networkPrefix: '',
    ledger: hasLedger ? new Ledger(new MemoryScoreStore(disk, clock), disk.checkpoint()) : undefined,
    conduct: { strike: (struck, kind) => void strikes.push(`${struck === who ? 'client' : 'another'}: ${kind}`) },
    standing: (_, offer) => tierForOffer({ ...offer, balance }),
    clock,
    log: nullLogger,
  });
}

beforeEach(() => {
  clock = new VirtualClock(noonMs);
  disk = new ScoreDisk();
  balance = 100_000;
  strikes = [];
  desk = open();
});

function ordered(changes: Partial<Unsigned<'order'>> = {}, more: Partial<PromptMessage> = {}, signer = client) {
  const asked: PromptMessage = { v: 2, type: 'prompt', id: 'r1', prompt: 'count from 5', salt, ...more };
  const facts = promptFacts(asked, salt)!;
  const order = signObject(
    'order',
    {
      network,
      client: signer.publicKeyHex,
      worker: worker.publicKeyHex,
      id: asked.id,
      promptHash: facts.hash,
      promptChars: facts.chars,
      maxPrice: 5_000,
      at: Math.floor(clock.now()),
      expiresAt: Math.floor(clock.now()) + 600_000,
      ...changes,
    },
    signer,
  );
  return { ...asked, order };
}

const result = (text = '6 7 8', more: Partial<InferenceResultMessage> = {}): InferenceResultMessage => ({
  v: 2,
  type: 'inference_result',
  id: 'r1',
  text,
  model: { name: 'm', sha256: sha256('model') },
  usage: { promptTokens: 4, completionTokens: 3 },
  timing: { queuedMs: 0, firstTokenMs: 10, totalMs: 500 },
  finishReason: 'stop',
  ...more,
});

/** The whole way of one request; the receipt. */
function serve(prompt: PromptMessage, said = result(), isHeard = true): Receipt | undefined {
  let given: Receipt | undefined;
  desk.take(who, prompt);
  desk.give(who, prompt, said, { responseMs: 500, isHeard }, (receipt) => (given = receipt));
  clock.advance(10);
  return given;
}

function ack(receipt: Receipt, changes: Partial<Unsigned<'ack'>> = {}, signer = client): Claim | undefined {
  const facts = { receipt: objectHash('receipt', receipt), client: signer.publicKeyHex, responseMs: 510 };
  let made: Claim | undefined;
  const signed = signObject('ack', { ...facts, at: Math.floor(clock.now()), ...changes }, signer);
  desk.acknowledge(who, signed, (claim) => (made = claim));
  clock.advance(10);
  return made;
}

const codeOf = (prompt: PromptMessage): string | undefined => desk.refusalOf(who, prompt)?.code;
const nth = (n: number) => ordered({}, { id: `r${n}` });

describe('an order', () => {
  it('that is in order is taken, and its claim stands up', () => {
    const prompt = ordered();
    expect(desk.tierOf(who, prompt)).toBe('silver');
    expect(codeOf(prompt)).toBeUndefined();
    const claim = ack(serve(prompt)!);
    expect(claim && examine(claim, network).kind).toBe('sound');
  });

  const wrong: [string, () => PromptMessage][] = [
    ['order.network', () => ordered({ network: 'acme/qmesh-inference-v2' })],
    ['order.client', () => ordered({}, {}, stranger)],
    ['order.worker', () => ordered({ worker: stranger.publicKeyHex })],
    ['order.id', () => ({ ...ordered(), id: 'r2' })],
    ['salt', () => (({ salt: _, ...rest }) => rest)(ordered())],
    ['order.promptHash', () => ({ ...ordered(), prompt: 'count from 6' })],
    ['order.promptHash', () => ({ ...ordered(), salt: 'f'.repeat(32) })],
    ['order.promptChars', () => ordered({ promptChars: 13 })],
    ['order.expiresAt', () => ordered({ expiresAt: noonMs + 600_001 })],
    ['order.expiresAt', () => ordered({ at: noonMs - 5_000, expiresAt: noonMs })],
    ['order.at', () => ordered({ at: noonMs + 300_001, expiresAt: noonMs + 300_002 })],
    ['prompt', () => ({ ...ordered(), prompt: '\ud800' })],
  ];
  it.each(wrong)('with a wrong %s is refused by name, and nobody is struck', (field, prompt) => {
    expect(desk.refusalOf(who, prompt())).toMatchObject({
      code: 'bad_request',
      message: expect.stringMatching(`^${field}:`) as string,
    });
    expect(strikes).toEqual([]);
  });

  it('that its client did not sign is refused, and its sender struck', () => {
    const { order, ...prompt } = ordered();
    const forged: Order = { ...order, maxPrice: 0 };
    expect(codeOf({ ...prompt, order: forged })).toBe('bad_request');
    expect(strikes).toEqual(['client: bad_signature']);
  });

  it('is used once, also where its request came to nothing; another one under the same id is taken', () => {
    const prompt = ordered();
    desk.take(who, prompt);
    desk.end(who, prompt);
    expect(desk.refusalOf(who, prompt)?.message).toMatch('used already');
    clock.advance(5);
    expect(codeOf(ordered())).toBeUndefined();
  });

  it('of the owner is none', () => {
    const prompt = ordered({}, {}, worker);
    expect(desk.refusalOf(worker.publicKeyHex, prompt)).toBeUndefined();
    desk.take(worker.publicKeyHex, prompt);
    let given: Receipt | undefined | 'nothing' = 'nothing';
    desk.give(
      worker.publicKeyHex,
      prompt,
      result(),
      { responseMs: 500, isHeard: true },
      (receipt) => (given = receipt),
    );
    expect(given).toBeUndefined();
    expect(disk.signed.size).toBe(0);
  });
});

describe('what is held', () => {
  it('is not offered twice, and free again once the request fails, or the scheduler is started anew', () => {
    balance = 5_000;
    const [first, second] = [nth(1), nth(2)];
    desk.take(who, first);
    expect([desk.tierOf(who, second), codeOf(second)]).toEqual(['guest', 'insufficient_credit']);
    desk.end(who, first);
    expect(codeOf(second)).toBeUndefined();
    desk.take(who, second);
    expect(codeOf(nth(3))).toBe('insufficient_credit');
    desk.endAll();
    expect(codeOf(nth(3))).toBeUndefined();
  });

  it('stays held for ten minutes after the result, or until its certificate counts', () => {
    balance = 5_000;
    const claim = ack(serve(ordered())!)!;
    expect(codeOf(nth(2))).toBe('insufficient_credit');
    new Ledger(new MemoryScoreStore(disk, clock), disk.checkpoint()).count(
      { ...claim, attestations: [], isSolo: true },
      () => {},
    );
    clock.advance(10);
    expect(codeOf(nth(2))).toBe('insufficient_credit'); // another one counted it
    clock.advance(600_000);
    expect(codeOf(nth(2))).toBeUndefined();
  });
});

describe('what is held, over a restart', () => {
  it('stays held until ten minutes after the result, acked or not', () => {
    balance = 5_000;
    ack(serve(ordered())!);
    desk = open();
    expect(codeOf(nth(2))).toBe('insufficient_credit');
    clock.advance(600_000);
    expect(codeOf(nth(2))).toBeUndefined();
  });
});

describe('a receipt', () => {
  it('is signed once for each order, whatever process of the worker is asked', () => {
    const prompt = ordered();
    const first = serve(prompt);
    desk = open();
    expect(serve(prompt, result('another text'))).toEqual(first);
    expect(disk.signed.size).toBe(1);
  });

  it('is there for what was cancelled before it began, says that it is worth nothing, and is not owed for', () => {
    const nothing = result('', { finishReason: 'cancelled', usage: { promptTokens: 0, completionTokens: 0 } });
    expect(serve(ordered(), nothing)).toMatchObject({ success: false, score: 0 });
    expect(disk.claims.size).toBe(0);
  });

  it('is not given without a ledger, and everybody is served', () => {
    desk = open(false);
    expect(codeOf(ordered())).toBeUndefined();
    expect(serve(ordered())).toBeUndefined();
  });
});

describe('acks', () => {
  const serveMany = (times: number, isHeard = true) =>
    Array.from({ length: times }, (_, n) => {
      clock.advance(1);
      return serve(nth(n), isHeard ? result() : result('6', { finishReason: 'cancelled' }), isHeard);
    });

  it.each([
    ['results without one', true],
    ['connections lost after the first token', false],
  ])('%s are borne twice; then the client is refused, and struck in the end', (_, isHeard) => {
    serveMany(2, isHeard);
    clock.advance(onItsWayMs);
    expect(codeOf(nth(8))).toBeUndefined();
    serveMany(1, isHeard);
    expect(codeOf(nth(8))).toBeUndefined(); // it may be on its way
    clock.advance(onItsWayMs);
    expect(codeOf(nth(8))).toBe('insufficient_credit');
    expect(codeOf({ v: 2, type: 'prompt', id: 'r9', prompt: 'without an order' })).toBe('insufficient_credit');
    clock.advance(outstandingMs);
    expect(codeOf(nth(8))).toBeUndefined();
    expect(strikes).toEqual(Array(3).fill('client: unacknowledged_result'));
  });

  it('that may be on their way are waited for, until they come or it is late', () => {
    const receipts = serveMany(3);
    const heard: string[] = [];
    const wait = (name: string) =>
      desk.whenAcked(who, () => void heard.push(`${name}: ${codeOf(nth(8)) ?? 'admitted'}`));
    expect([typeof wait('a'), typeof wait('b')]).toEqual(['function', 'function']);
    wait('c')?.();
    expect(desk.whenAcked(stranger.publicKeyHex, () => {})).toBeUndefined();
    ack(receipts[1]!);
    expect(heard).toEqual(['a: admitted', 'b: admitted']);
    expect(wait('d')).toBeUndefined();

    serveMany(1);
    wait('e');
    clock.advance(onItsWayMs - 100);
    expect(heard).toHaveLength(2);
    clock.advance(100);
    expect(heard[2]).toBe('e: insufficient_credit');
    expect(wait('f')).toBeUndefined();
  });

  it('are taken after a restart, and not owed: nobody knows whether the results were sent', () => {
    const receipts = serveMany(3);
    desk = open();
    clock.advance(onItsWayMs);
    expect(codeOf(nth(8))).toBeUndefined();
    expect(ack(receipts[0]!)).toMatchObject({ receipt: receipts[0] });
    clock.advance(outstandingMs);
    expect(codeOf(nth(8))).toBeUndefined();
    expect(strikes).toEqual([]);
  });

  it('make one claim of one receipt, however often they come', () => {
    const receipt = serve(ordered())!;
    expect(ack(receipt)).toBeDefined();
    expect(ack(receipt)).toBeUndefined();
    expect(ack(receipt, { responseMs: 520 })).toBeUndefined();
  });

  it('count for nothing where another signed, the times lie apart, or a day has passed', () => {
    const receipt = serve(ordered())!;
    expect(ack(receipt, {}, stranger)).toBeUndefined();
    expect(strikes).toEqual(['client: bad_signature']);
    expect(ack(receipt, { responseMs: 5_000 })).toBeUndefined();
    clock.advance(ackLifeMs);
    expect(ack(receipt)).toBeUndefined();
  });

  it('are not waited for longer than a day', () => {
    serve(ordered());
    clock.advance(ackLifeMs + 1);
    open();
    clock.advance(10);
    expect(disk.claims.size).toBe(0);
  });
});
