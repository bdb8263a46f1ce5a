/** A real client in a simulated world, with or without a wallet, and the record of what each of its requests received. */
import type { AskRequest } from '../../../src/actors/ask.actor.js';
import type { AskAnswer } from '../../../src/actors/ask/answer.js';
import type { WorkSolver } from '../../../src/actors/ask/work-solver.js';
import { AckPost, acksInMemory } from '../../../src/actors/wallet/ack-post.js';
import { ScoreLookup } from '../../../src/actors/wallet/score-lookup.js';
import { Wallet } from '../../../src/actors/wallet/wallet.js';
import { startClientCore, type ClientCore, type ClientOptions } from '../../../src/client/core.js';
import type { AskFailure } from '../../../src/machines/ask.js';
import { createHello } from '../../../src/protocol/hello.js';
import { keyPairFromSeed, type KeyPair } from '../../../src/protocol/keys.js';
import { limits } from '../../../src/protocol/limits.js';
import { topicName } from '../../../src/protocol/topics.js';
import { findNonce } from '../../../src/protocol/work.js';
import { nullLogger } from '../../../src/runtime/log.js';
import type { Random } from '../../../src/runtime/random.js';
import type { TreeOptions } from '../../../src/runtime/start-tree.js';
import type { VirtualClock } from '../../../src/runtime/virtual-clock.js';
import type { SimNetwork } from './sim-network.js';

export interface SimOrderer extends ClientCore {
  readonly account: string;
  readonly wallet: Wallet;
}

/** One request of a simulated client, and everything it received. */
export interface SimRequest {
  readonly request: AskRequest;
  text: string;
  ends: number;
  readonly askedAtMs: number;
  endedAtMs: number | undefined;
  cancelled: boolean;
  answer: AskAnswer | undefined;
  failure: AskFailure | undefined;
  cancel: () => void;
}

/** What a client needs of its world. */
export interface ClientSurroundings {
  readonly clock: VirtualClock;
  readonly network: SimNetwork;
  readonly treeOptions: TreeOptions;
  /** A client finished a proof of work. */
  proved(this: void): void;
}

export interface SimClientOptions {
  readonly name: string;
  readonly identity: KeyPair;
  readonly random: Random;
  readonly wallet?: Wallet;
  readonly scores?: ClientOptions['scores'];
  readonly spotChecks?: number;
}

export function startSimClient(
  around: ClientSurroundings,
  { name, identity, random, wallet, scores = [], spotChecks = 0 }: SimClientOptions,
): ClientCore {
  const keySeed = random.bytes(32);
  const subject = { network: topicName('inference'), key: keyPairFromSeed(keySeed).publicKeyHex };
  return startClientCore(
    {
      clock: around.clock,
      random,
      log: nullLogger,
      network: around.network.port(name),
      networkPrefix: '',
      keySeed,
      hello: createHello(subject, identity),
      solver: solverIn(around),
      fallback: undefined,
      wallet,
      scores,
      spotChecks,
      maxConnections: 32,
      maxRequests: 64,
      onDhtReady: () => {},
      onDhtFailed: () => {},
    },
    around.treeOptions,
  );
}

/**
 * A client that orders what it asks for.
 * @param balanceOf its balance as all workers see it; undefined: it looks up what they have certified
 * @param acks left by an earlier process of this client
 */
export function startSimOrderer(
  around: ClientSurroundings,
  { name, identity, random }: Pick<SimClientOptions, 'name' | 'identity' | 'random'>,
  balanceOf: (() => number | undefined) | undefined,
  acks = acksInMemory,
): SimOrderer {
  const { publicKeyHex: account } = identity;
  const ambient = { clock: around.clock, random, log: nullLogger };
  const policy = { validators: 'seen' } as const;
  const lookup =
    balanceOf === undefined ? new ScoreLookup({ ...ambient, identity, networkPrefix: '', policy }) : undefined;
  const wallet = new Wallet({
    ...ambient,
    identity,
    network: topicName('inference'),
    maxPrice: limits.maxPriceMillipoints,
    balance: (found) => found(balanceOf?.() ?? lookup?.balanceOf(account)),
    post: new AckPost(acks, ambient),
  });
  wallet.refresh();
  const scores = lookup?.children ?? [];
  return { ...startSimClient(around, { name, identity, random, wallet, scores }), account, wallet };
}

/** @param nowMs the time in which deadlines are measured */
export function recordedAsk(client: ClientCore, request: AskRequest, nowMs: () => number): SimRequest {
  const record: SimRequest = {
    request,
    text: '',
    ends: 0,
    askedAtMs: nowMs(),
    endedAtMs: undefined,
    cancelled: false,
    answer: undefined,
    failure: undefined,
    cancel: () => {},
  };
  const cancel = client.ask(request, {
    text: (text) => {
      if (record.ends > 0) throw new Error('text after the end');
      record.text += text;
    },
    end: (answer, failure) => {
      record.ends++;
      record.endedAtMs = nowMs();
      record.answer = answer;
      record.failure = failure;
    },
  });
  if (cancel === undefined) throw new Error('the client refused the request');
  record.cancel = () => {
    record.cancelled = true;
    cancel();
  };
  return record;
}

/** The simulated time a proof of work takes. */
const workMs = 50;

const solverIn = ({ clock, proved }: ClientSurroundings): WorkSolver => ({
  solve: (task, done) => {
    const timer = clock.setTimeout(() => {
      proved();
      done(findNonce(task, 0, 2 ** 26));
    }, workMs);
    return () => clock.clearTimeout(timer);
  },
});
