/** Error of the wait that a request is told on arrival, with the worker's scheduler on a virtual clock. */
import { resultOf } from '../report.js';
import { runRounds, summarise } from '../rounds.js';
import { simulateLine } from '../simulated-line.js';

export const name = 'queue-estimate';
export const about = 'the wait a request is told on arrival, compared with its actual wait (simulated)';

const slots = 4;
/** @typedef {import('../simulated-line.js').Told} Told */
/** @typedef {import('../simulated-line.js').Tier} Tier */

/** @type {readonly Tier[]} */
const mixed = ['diamond', 'platinum', 'gold', 'silver', 'bronze', 'guest', 'guest', 'guest'];
/** @type {Record<string, { load: number, tiers: readonly Tier[] }>} */
const lines = {
  even: { load: 0.95, tiers: ['bronze'] },
  mixed: { load: 0.95, tiers: mixed },
  full: { load: 1.3, tiers: mixed },
};
/** Shorter waits are over before anybody has read the estimate. */
const leastMs = 1_000;

/** @param {import('../context.js').Context} context */
export async function run({ rounds, smoke, say }) {
  const requests = smoke ? 200 : 5_000;
  /** @type {Map<number, Record<string, readonly Told[]>>} */
  const played = new Map();
  /** @param {number} round */
  const play = (round) => {
    const before = played.get(round);
    if (before !== undefined) return before;
    const all = Object.entries(lines).map(
      ([line, options]) =>
        /** @type {const} */ ([
          line,
          simulateLine({ seed: 100 + round, requests, slots, ...options }).filter(
            ({ position, tookMs }) => position > 0 && tookMs >= leastMs,
          ),
        ]),
    );
    const result = Object.fromEntries(all);
    played.set(round, result);
    return result;
  };
  /**
   * @param {string} contender
   * @param {(told: Told) => number} estimateOf
   */
  const contenderOf = (contender, estimateOf) => ({
    name: contender,
    start: async () => {},
    /** @param {number} round */
    async measure(round) {
      const figures = /** @type {Record<string, number>} */ ({});
      for (const [line, all] of Object.entries(play(round))) {
        const off = all.map((told) => Math.abs(estimateOf(told) - told.tookMs) / told.tookMs);
        const sum = (/** @type {(told: Told) => number} */ of) => all.reduce((total, told) => total + of(told), 0);
        figures[`${line}Off`] = 100 * summarise(off).median;
        figures[`${line}Bias`] = 100 * (sum(estimateOf) / sum(({ tookMs }) => tookMs) - 1);
      }
      return figures;
    },
    stop: async () => {},
  });
  const contenders = [
    contenderOf('laid onto the slots', ({ toldMs }) => toldMs),
    contenderOf('mean response a round', ({ meanRuleMs }) => meanRuleMs),
  ];
  const measured = await runRounds(contenders, { rounds, keepDisturbed: true, say });
  const labels = { even: 'one tier, load 0.95', mixed: 'all tiers, load 0.95', full: 'all tiers, load 1.3' };
  const metrics = Object.fromEntries(
    Object.entries(labels).flatMap(([line, label]) => [
      [`${line}Off`, { label: `${label}: median error`, unit: '% of the wait' }],
      [`${line}Bias`, { label: `${label}: told over had, in sum`, unit: '% more' }],
    ]),
  );
  const names = contenders.map((contender) => contender.name);
  return resultOf(name, { slots, requests, lines }, metrics, names, measured);
}
