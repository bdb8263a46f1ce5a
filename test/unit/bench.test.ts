import { describe, expect, it } from 'vitest';

type Figures = Record<string, number>;
interface Contender {
  name: string;
  start(): Promise<void>;
  measure(round: number): Promise<Figures>;
  stop(): Promise<void>;
}
interface Rounds {
  kept: { figures: Record<string, Figures> }[];
  discarded: number;
}
interface Harness {
  runRounds: (
    contenders: Contender[],
    options: { rounds: number; keepDisturbed: boolean; say: (line: string) => void; watch: () => () => number | null },
  ) => Promise<Rounds>;
  summarise: (values: number[]) => { median: number; min: number; max: number };
  pairwise: (
    rounds: Rounds,
    product: string,
    peer: string,
    metric: string,
    how: 'ratio' | 'difference',
  ) => { values: number[] } | undefined;
}
interface Cpu {
  foreignCores: (before: object, after: object) => number;
  maxForeignCores: number;
}

const load = async <T>(file: string): Promise<T> =>
  (await import(new URL(`../../bench/${file}`, import.meta.url).href)) as T;
const { runRounds, summarise, pairwise } = await load<Harness>('rounds.js');
const { foreignCores, maxForeignCores } = await load<Cpu>('cpu.js');

const silent = (): void => {};

/** Contenders that write down when they are called, and a machine on which others use these many cores, round by round. */
function rehearsal(usedByOthers: number[]): { calls: string[]; run: (keepDisturbed: boolean) => Promise<Rounds> } {
  const calls: string[] = [];
  const contender = (name: string, speed: number): Contender => ({
    name,
    start: () => Promise.resolve(void calls.push(`${name} starts`)),
    measure: (round) => {
      calls.push(`${name} ${round}`);
      return Promise.resolve({ speed: speed + round });
    },
    stop: () => Promise.resolve(void calls.push(`${name} stops`)),
  });
  const watch = (): (() => number) => () => usedByOthers.shift() ?? 0;
  return {
    calls,
    run: (keepDisturbed) =>
      runRounds([contender('a', 20), contender('b', 10)], { rounds: 2, keepDisturbed, say: silent, watch }),
  };
}

describe('rounds', () => {
  it('warm every contender up, then take turns, then stop what was started', async () => {
    const { calls, run } = rehearsal([]);
    await run(false);
    const turns = ['a 0', 'b 0', 'a 1', 'b 1'];
    expect(calls).toEqual(['a starts', 'a -1', 'b starts', 'b -1', ...turns, 'b stops', 'a stops']);
  });

  it('are run again when others used the processors, and only then', async () => {
    const { kept, discarded } = await rehearsal([1, maxForeignCores, 1, 0]).run(false);
    expect(discarded).toBe(2);
    expect(kept.map(({ figures }) => figures.a?.speed)).toEqual([21, 23]);
  });

  it('count all the same where the inputs are tiny', async () => {
    const { kept, discarded } = await rehearsal([1, 1]).run(true);
    expect([kept.length, discarded]).toEqual([2, 0]);
  });

  it('give up on a machine that is never quiet, and still stop everything', async () => {
    const { calls, run } = rehearsal(Array.from({ length: 50 }, () => 2));
    await expect(run(false)).rejects.toThrow(/disturbed by other processes/);
    expect(calls.slice(-2)).toEqual(['b stops', 'a stops']);
  });

  it('compare inside a round, never across', async () => {
    const rounds = await rehearsal([]).run(false);
    expect(pairwise(rounds, 'a', 'b', 'speed', 'ratio')?.values).toEqual([20 / 10, 21 / 11]);
    expect(pairwise(rounds, 'a', 'b', 'speed', 'difference')?.values).toEqual([10, 10]);
    expect(pairwise(rounds, 'a', 'b', 'unknown', 'ratio')).toBeUndefined();
  });
});

it('a summary holds the median of odd and of even numbers of values', () => {
  expect(summarise([3, 1, 2])).toMatchObject({ median: 2, min: 1, max: 3 });
  expect(summarise([4, 1, 3, 2])).toMatchObject({ median: 2.5, min: 1, max: 4 });
});

it('what others used is what was busy less what was ours, per second', () => {
  const before = { atMs: 0, busySeconds: 100, ownSeconds: 10 };
  expect(foreignCores(before, { atMs: 2000, busySeconds: 104, ownSeconds: 13 })).toBe(0.5);
  expect(foreignCores(before, { atMs: 2000, busySeconds: 102, ownSeconds: 12.5 })).toBe(0); // two clocks, never less than none
});
