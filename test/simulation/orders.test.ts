/** Orders, receipts and acks between real workers and clients on a simulated network: what ends up on the disks is what was earned. */
import { describe, expect, it } from 'vitest';
import type { AckStore, KeptAck } from '../../src/actors/wallet/ack-post.js';
import { receiptPatienceMs } from '../../src/actors/worker/desk.js';
import type { OpenClaim } from '../../src/actors/scores/score-store.js';
import type { Claim } from '../../src/protocol/signed-objects.js';
import { topicName } from '../../src/protocol/topics.js';
import { examine } from '../../src/rules/claim.js';
import { outstandingMs } from '../../src/rules/outstanding.js';
import { countFrom } from './world/sim-engine.js';
import type { SimOrderer, SimRequest } from './world/sim-client.js';
import type { SimWorker } from './world/sim-worker.js';
import { World } from './world/world.js';

const settleMs = 12_000;
const rich = 500_000;

/** A mesh in which nothing fails by itself. */
function quietWorld(seed: number, workers = 1): { world: World; workers: SimWorker[] } {
  const world = new World(seed);
  return { world, workers: Array.from({ length: workers }, () => world.startWorker({ slots: 4 })) };
}

const question = (from: number, tokens = 8) => ({ prompt: `count from ${from}`, options: { maxTokens: tokens } });

function ended(world: World, requests: readonly SimRequest[]): void {
  expect(world.clock.runUntil(() => requests.every(({ ends }) => ends > 0), 200_000)).toBe(true);
}

const claimsAt = ({ disk }: SimWorker): OpenClaim[] => [...disk.claims.values()];
/** Those with an ack, certified or not. */
const whole = (worker: SimWorker): Claim[] => [
  ...claimsAt(worker).filter((claim): claim is Claim => 'ack' in claim),
  ...worker.disk.certificates.values(),
];
const verdictOf = (claim: Claim) => examine(claim, topicName('inference')).kind;

/** Acks as files in a home, which outlive the process. */
function ackFiles(): AckStore & { readonly files: Map<string, KeptAck> } {
  const files = new Map<string, KeptAck>();
  return {
    files,
    load: () => [...files.values()],
    keep: (kept) => void files.set(kept.ack.receipt, kept),
    drop: ({ ack }) => void files.delete(ack.receipt),
  };
}

describe('an ordered answer', () => {
  it.each([
    ['by an account that has points', rich, 'gold', 10_000],
    ['by a guest', 0, 'guest', 0],
  ] as const)('%s has a receipt, which is acked, and the claim stands up', (_, millipoints, tier, most) => {
    const { world, workers } = quietWorld(1);
    const client = world.startOrderer(millipoints);
    const tiers: string[] = [];
    world.onPosition = (_worker, _peer, { tier: said }) => void tiers.push(said);
    world.clock.advance(settleMs);
    const request = world.ask(client, question(5));
    ended(world, [request]);
    world.clock.advance(1_000);
    expect(request.text).toBe(countFrom(5, 8));
    expect(new Set(tiers)).toEqual(new Set([tier]));
    const [claim, ...more] = whole(workers[0]!);
    expect([more.length, claim && verdictOf(claim)]).toEqual([0, 'sound']);
    expect(request.answer?.settled?.receipt).toEqual(claim?.receipt);
    expect(claim?.order.maxPrice).toBeLessThanOrEqual(most);
    expect(request.answer?.settled?.paid).toBe(Math.min(claim!.receipt.score, claim!.order.maxPrice));
  });

  it('has no order from an account without a wallet, or from the worker’s owner', () => {
    const { world, workers } = quietWorld(2);
    const client = world.startClient('bronze');
    const owner = world.startOrderer(rich, { name: workers[0]!.name });
    world.clock.advance(settleMs);
    const requests = [world.ask(client, question(5)), world.ask(owner, question(6))];
    ended(world, requests);
    expect(requests.map(({ text }) => text)).toEqual([countFrom(5, 8), countFrom(6, 8)]);
    expect(claimsAt(workers[0]!)).toEqual([]);
  });

  it('counts for the text so far if cancelled, and not at all before its first token', () => {
    const { world, workers } = quietWorld(3);
    const client = world.startOrderer(rich);
    world.clock.advance(settleMs);
    const [begun, waiting] = [world.ask(client, question(5, 1_000)), world.ask(client, question(6, 1_000))];
    expect(world.clock.runUntil(() => begun.text.length > 20, 20_000)).toBe(true);
    begun.cancel();
    waiting.cancel();
    ended(world, [begun, waiting]);
    world.clock.advance(1_000);
    const claims = whole(workers[0]!).filter(({ receipt }) => receipt.resultChars === begun.text.length);
    expect(claims.map(verdictOf)).toEqual(['sound']);
    expect(client.wallet.free).toBeLessThan(rich);
  });
});

it('a client asks as a guest at a worker that sees a lower balance than the client does', () => {
  const { world, workers } = quietWorld(4);
  const client = world.startOrderer(rich);
  world.balances.set(client.account, 3_000); // spent elsewhere since
  world.clock.advance(settleMs);
  const request = world.ask(client, question(5));
  ended(world, [request]);
  world.clock.advance(1_000);
  expect(request.text).toBe(countFrom(5, 8));
  expect(request.answer?.tries.map(({ failure }) => failure?.code)).toEqual(['insufficient_credit', undefined]);
  expect(whole(workers[0]!).map(({ order }) => order.maxPrice)).toEqual([0]);
});

it.each([
  ['ahead', 20],
  ['behind', -20],
])('a worker whose clock is 20 minutes %s answers all the same, without an order', (_, minutes) => {
  const { world, workers } = quietWorld(4);
  workers[0]!.clock.aheadMs = minutes * 60_000;
  const client = world.startOrderer(rich);
  world.clock.advance(settleMs);
  const request = world.ask(client, question(5));
  ended(world, [request]);
  expect(request.text).toBe(countFrom(5, 8));
  expect(request.answer?.tries.map(({ failure }) => failure?.code)).toEqual(['bad_request', undefined]);
  expect(claimsAt(workers[0]!)).toEqual([]);
});

it('points held for one request are not offered for another, at the client or at the worker', () => {
  const { world, workers } = quietWorld(5);
  const client = world.startOrderer(20_000);
  world.clock.advance(settleMs);
  const requests = [1, 2, 3, 4].map((n) => world.ask(client, question(n)));
  ended(world, requests);
  world.clock.advance(1_000);
  const offers = whole(workers[0]!).map(({ order }) => order.maxPrice);
  expect(offers).toHaveLength(4);
  expect(offers.reduce((sum, offer) => sum + offer, 0)).toBeLessThanOrEqual(20_000);
  expect(requests.flatMap(({ answer }) => answer?.tries.map(({ failure }) => failure?.code) ?? [])).toEqual(
    Array<undefined>(4).fill(undefined),
  );
});

describe('acks', () => {
  /** The connection breaks when the result arrives, so that the ack cannot use it. */
  function answered(world: World, client: SimOrderer, name: string, request: SimRequest): void {
    expect(world.clock.runUntil(() => request.ends > 0, 100_000)).toBe(true);
    world.network.breakConnections(name);
    expect(client.wallet.free).toBeDefined();
  }

  it('lost with their connection arrive on the next one', () => {
    const { world, workers } = quietWorld(6);
    const [worker] = workers as [SimWorker];
    const acks = ackFiles();
    const client = world.startOrderer(rich, { acks });
    world.clock.advance(settleMs);
    const request = world.ask(client, question(5));
    answered(world, client, worker.name, request);
    expect(acks.files.size).toBe(1);
    world.clock.advance(60_000);
    expect(whole(worker).map(verdictOf)).toEqual(['sound']);
    expect(acks.files.size).toBe(0);
  });

  it('reach a restarted worker, even from a restarted client', () => {
    const { world, workers } = quietWorld(7);
    const [worker] = workers as [SimWorker];
    const acks = ackFiles();
    const client = world.startOrderer(rich, { name: 'asker', acks });
    world.clock.advance(settleMs);
    const request = world.ask(client, question(5));
    answered(world, client, worker.name, request);
    worker.tree.stop();
    client.tree.stop();
    world.clock.advance(10_000);
    expect(whole(worker)).toEqual([]);
    const again = world.startWorker({ name: worker.name });
    world.startOrderer(rich, { name: 'asker', acks });
    world.clock.advance(60_000);
    expect(whole(again).map(verdictOf)).toEqual(['sound']);
    expect(acks.files.size).toBe(0);
  });

  it('are mandatory: a client that sends none is refused after three results, for ten minutes', () => {
    const { world, workers } = quietWorld(8);
    const client = world.startOrderer(rich);
    client.wallet.settle = () => undefined;
    world.clock.advance(settleMs);
    const codes: (string | undefined)[] = [];
    for (let n = 0; n < 5; n++) {
      const request = world.ask(client, { ...question(n), patienceMs: 2_000 });
      ended(world, [request]);
      codes.push(request.failure?.code);
      world.clock.advance(5_000);
    }
    expect(codes).toEqual([undefined, undefined, undefined, 'insufficient_credit', 'insufficient_credit']);
    world.clock.advance(outstandingMs);
    const later = world.ask(client, question(9));
    ended(world, [later]);
    expect(later.text).toBe(countFrom(9, 8));
    expect(whole(workers[0]!)).toEqual([]);
  });
});

it('a request that fails over is ordered again under the same id, and each worker may claim its part', () => {
  const { world, workers } = quietWorld(9, 2);
  const client = world.startOrderer(rich);
  world.clock.advance(settleMs);
  const request = world.ask(client, question(5, 60));
  expect(world.clock.runUntil(() => request.text.length > 40, 20_000)).toBe(true);
  const first = workers.find(({ deps }) => deps.board.slots.busy > 0)!;
  first.engines.processes[0]!.die();
  first.crash('scheduler');
  ended(world, [request]);
  world.clock.advance(1_000);
  expect(request.text).toBe(countFrom(5, 60));
  const claims = workers.flatMap(whole);
  expect(claims.map(verdictOf)).toEqual(['sound']);
  expect(claims[0]!.receipt.resultChars).toBeLessThan(request.text.length);
  expect(request.answer?.settled?.receipt).toEqual(claims[0]!.receipt);
});

it('points earned by serving are looked up even if the owner’s worker is gone', () => {
  const { world, workers } = quietWorld(12, 2);
  const [earner, other] = workers as [SimWorker, SimWorker];
  const guest = world.startOrderer(0);
  world.clock.advance(2 * settleMs + 60_000); // they have seen each other for a minute
  const served = world.ask(guest, { ...question(5), pin: earner.id });
  ended(world, [served]);
  world.clock.advance(10_000);
  expect(other.deps.ledger?.balanceOf(earner.id)).toBeGreaterThan(5_000);
  const earned = other.deps.ledger?.balanceOf(earner.id);
  earner.tree.stop();
  world.clock.advance(60_000);
  const client = world.startOrderer(undefined, { name: earner.name });
  world.clock.advance(90_000);
  const tiers = new Set<string>();
  world.onPosition = (_worker, _peer, { tier }) => void tiers.add(tier);
  ended(world, [world.ask(client, question(1))]);
  expect(client.wallet.balance).toBe(earned);
  expect(tiers).toEqual(new Set(['bronze']));
});

describe("a worker's disk", () => {
  it.each([
    ['is full', { isFull: true }],
    ['hangs', { writeMs: Infinity }],
  ])('that %s costs it its receipt, and its client nothing', (_, fault) => {
    const { world, workers } = quietWorld(10);
    const [worker] = workers as [SimWorker];
    const client = world.startOrderer(rich);
    world.clock.advance(settleMs);
    Object.assign(worker.disk, fault);
    const startMs = world.clock.monotonicMs();
    const request = world.ask(client, question(5));
    ended(world, [request]);
    expect([request.text, request.failure]).toEqual([countFrom(5, 8), undefined]);
    expect(request.answer?.settled).toBeUndefined();
    expect(world.clock.monotonicMs() - startMs).toBeLessThan(receiptPatienceMs + 1_000);
    expect(world.escalations).toEqual([]);
  });

  it('that is slow delays the worker’s stop until its last receipt is sent', () => {
    const { world, workers } = quietWorld(11);
    const [worker] = workers as [SimWorker];
    const client = world.startOrderer(rich);
    world.clock.advance(settleMs);
    worker.disk.writeMs = 500;
    const request = world.ask(client, question(5));
    expect(world.clock.runUntil(() => request.text === countFrom(5, 8), 20_000)).toBe(true);
    expect(request.ends).toBe(0);
    worker.tree.stop();
    ended(world, [request]);
    expect(request.failure).toBeUndefined();
    expect(request.answer?.settled?.receipt.resultChars).toBe(request.text.length);
  });
});
