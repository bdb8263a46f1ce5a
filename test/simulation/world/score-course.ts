/** A random course of events on the score network, from a seed: who claims what, who lies, what breaks, and how it ends. */
import { objectHash, type Claim } from '../../../src/protocol/signed-objects.js';
import { leastThreshold } from '../../../src/rules/quorum.js';
import { seededRandom } from '../../../src/runtime/random.js';
import { account, claimWith } from '../../support/ledger-cases.js';
import { misdeeds, ScoreLiar } from './score-liar.js';
import { ScoreWorld, type ScoreNode } from './score-world.js';

export interface ScoreCourse {
  readonly world: ScoreWorld;
  readonly honest: readonly ScoreNode[];
  /** By receipt: everything any client and worker really signed. */
  readonly signed: ReadonlyMap<string, Claim>;
  /** Between honest workers and guests: what must be certified in the end. */
  readonly due: ReadonlySet<string>;
}

const hashOf = ({ receipt }: Claim): string => objectHash('receipt', receipt);
const eventfulMs = 12_000;
/** Time for connections to notice that they are broken, reconnect, and compare: rounds begin every minute. */
const healMs = 150_000;
const restMs = 3_000;

export const spender = account('the spender');
/** Earned by serving guests before anything else; First Light included. */
export const incomeMillipoints = 5_000 + 10_000;

const made = new Map<string, Claim>();
/** Signed once, whatever the seed. */
function once(key: string, make: () => Claim): Claim {
  const claim = made.get(key) ?? make();
  made.set(key, claim);
  return claim;
}

const guests = (worker: string, n: number): Claim =>
  once(`guest ${worker} ${n}`, () =>
    claimWith({ worker: account(worker), client: account(`guest ${n % 3}`), order: { id: `g-${worker}-${n}` } }),
  );

/** The spender's whole balance, or nearly, offered at one of many workers. */
const spending = (worker: string, n: number): Claim =>
  once(`spent ${worker} ${n}`, () =>
    claimWith({
      worker: account(worker),
      client: spender,
      order: { id: `s-${worker}-${n}`, maxPrice: 10_000, promptChars: 150 },
      receipt: { resultChars: 200, responseMs: 400, completionTokens: 40 },
    }),
  );

/** Two receipts for one order, both acked by its client: worker and client collude. */
const double = (worker: string, n: number): readonly [Claim, Claim] => {
  const parts = (responseMs: number): Claim =>
    once(`double ${worker} ${n} ${responseMs}`, () =>
      claimWith({
        worker: account(worker),
        client: account('accomplice'),
        order: { id: `d-${worker}-${n}` },
        receipt: { responseMs },
      }),
    );
  return [parts(1_200), parts(900)];
};

/** @param excess liars beyond the number the mesh is designed to tolerate */
export function playScores(seed: number, excess = 0): ScoreCourse {
  const random = seededRandom(seed);
  const between = (min: number, max: number): number => min + Math.floor(random.next() * (max - min + 1));
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random.next() * items.length)]!;
  const n = pick([4, 4, 4, 5, 7]);
  const liarCount = Math.ceil(n / 3) - 1 + excess;
  const names = Array.from({ length: n }, (_, i) => `validator-${i + 1}`);
  const liars = names.slice(0, liarCount);
  const world = new ScoreWorld(seed, {
    validators: names.map((name) => account(name).publicKeyHex),
    threshold: leastThreshold(n),
  });
  const honest = names.slice(liarCount).map((name) => world.start(name));
  const lying = liars.map(
    (name) =>
      new ScoreLiar(
        world,
        name,
        misdeeds.filter(() => random.next() < 0.5),
      ),
  );
  const signed = new Map<string, Claim>();
  const due = new Set<string>();
  const sign = (claim: Claim): Claim => {
    signed.set(hashOf(claim), claim);
    return claim;
  };
  /** @param kept whether it is on disk: what a killed node had not written yet is not owed to it */
  const put = (node: ScoreNode, claim: Claim, kept: (hash: string) => void = () => {}): void => {
    const hash = hashOf(sign(claim));
    node.deps.ledger.write([{ kind: 'claim', hash, claim }], () => {
      kept(hash);
      world.claim(node, claim);
    });
  };

  world.clock.advance(1_000);
  const income = sign(
    once('income', () =>
      claimWith({
        worker: spender,
        client: account('an early guest'),
        order: { id: 'income', promptChars: 150 },
        receipt: { resultChars: 200, responseMs: 400, completionTokens: 40 },
      }),
    ),
  );
  world.claim(honest[0]!, income);
  due.add(hashOf(income));

  let made = 0;
  const deeds: readonly (readonly [weight: number, act: () => void])[] = [
    [
      5,
      () => {
        const node = pick(honest);
        put(node, guests(node.name, made++ % 12), (hash) => due.add(hash));
      },
    ],
    [
      4,
      () => {
        const node = pick(honest);
        put(node, spending(node.name, between(0, 3)));
      },
    ],
    [
      3,
      () => {
        if (liars.length === 0) return;
        const pairs = [double(pick(liars), between(0, 3))];
        for (const pair of pairs) pair.map(sign);
        for (const liar of lying) liar.spread(pairs);
      },
    ],
    [4, () => lying.forEach((liar) => liar.act())],
    [1, () => world.network.breakConnections(pick(names))],
    [1, () => world.network.partition(pick(names), pick(names))],
    [0.5, () => world.network.heal()],
    [0.7, () => world.restart(pick(honest))],
  ];
  const total = deeds.reduce((sum, [weight]) => sum + weight, 0);
  const act = (): void => {
    let at = random.next() * total;
    for (const [weight, deed] of deeds) if ((at -= weight) < 0) return deed();
  };
  const untilMs = world.clock.monotonicMs() + eventfulMs;
  while (world.clock.monotonicMs() < untilMs) {
    world.clock.advance(between(0, 800));
    act();
  }
  world.network.heal();
  world.clock.advance(restMs); // what was put last is on a disk by now
  const digests = (): Set<string> => new Set(honest.map(({ deps }) => deps.ledger.counted.digest('')));
  const isSettled = (): boolean =>
    digests().size === 1 && [...due].every((hash) => honest[0]?.deps.ledger.counted.has(hash) === true);
  for (let left = healMs; left > 0 && !isSettled(); left -= 1_000) {
    world.clock.advance(1_000);
    lying.forEach((liar) => liar.act());
  }
  world.clock.advance(restMs);
  // Something may have just been certified: all nodes get it within a round and some more.
  for (let left = healMs; left > 0 && digests().size > 1; left -= 1_000) world.clock.advance(1_000);
  return { world, honest, signed, due };
}
