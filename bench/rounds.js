/**
 * Runs contenders in turn, A B A B …, so that a machine's drift affects all alike. Rounds in which other processes used
 * the processors are discarded and run again, and figures are compared only within a round.
 */
import { canSeeOthers, foreignCores, maxForeignCores, sampleCpu } from './cpu.js';

/** @typedef {Record<string, number>} Figures metric → value */

/**
 * One side of a comparison. `start` may take long and is not measured; `measure` is called once per round.
 * @typedef {object} Contender
 * @property {string} name
 * @property {() => Promise<void>} start
 * @property {(round: number) => Promise<Figures>} measure
 * @property {() => Promise<void>} stop
 */

/** @typedef {{ foreignCores: number | null, figures: Record<string, Figures> }} Round contender → figures */

/** @typedef {{ kept: Round[], discarded: number, checked: boolean }} Rounds */

/**
 * @typedef {object} RoundOptions
 * @property {number} rounds how many must count
 * @property {boolean} keepDisturbed whether rounds count in which others used the processors
 * @property {(line: string) => void} say
 * @property {() => () => number | null} [watch] starts watching other processes; the returned function stops, and
 * returns how many cores they used, or null if unknown
 */

/** Discarded rounds per wanted round before the bench gives up. */
const maxDiscardedPerRound = 3;

/**
 * @param {readonly Contender[]} contenders
 * @param {RoundOptions} options
 * @returns {Promise<Rounds>}
 */
export async function runRounds(contenders, options) {
  const started = /** @type {Contender[]} */ ([]);
  try {
    for (const contender of contenders) {
      started.push(contender);
      await contender.start();
      await contender.measure(-1); // warm-up: files mapped, code compiled, memory touched
    }
    return await measureInTurn(contenders, options);
  } finally {
    for (const contender of started.reverse()) await contender.stop();
  }
}

/** By the kernel's accounting. */
function watchOthers() {
  const before = sampleCpu();
  return () => (canSeeOthers ? foreignCores(before) : null);
}

/**
 * @param {readonly Contender[]} contenders
 * @param {RoundOptions} options
 * @returns {Promise<Rounds>}
 */
async function measureInTurn(contenders, { rounds, keepDisturbed, say, watch = watchOthers }) {
  const kept = /** @type {Round[]} */ ([]);
  let discarded = 0;
  for (let turn = 0; kept.length < rounds; turn++) {
    const usedByOthers = watch();
    const figures = /** @type {Record<string, Figures>} */ ({});
    for (const contender of contenders) figures[contender.name] = await contender.measure(turn);
    const foreign = usedByOthers();
    if (foreign === null || foreign <= maxForeignCores || keepDisturbed) {
      kept.push({ foreignCores: foreign, figures });
      continue;
    }
    discarded++;
    say(`  round discarded: other processes used ${foreign.toFixed(2)} cores (limit ${maxForeignCores})`);
    if (discarded > rounds * maxDiscardedPerRound) {
      throw new Error(
        `${discarded} rounds were disturbed by other processes, ${kept.length} were not: stop them and run again`,
      );
    }
  }
  return { kept, discarded, checked: kept.every(({ foreignCores: cores }) => cores !== null) };
}

/** @typedef {{ median: number, min: number, max: number, values: number[] }} Summary */

/**
 * @param {number[]} values
 * @returns {Summary}
 */
export function summarise(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
  return { median, min: sorted[0] ?? NaN, max: sorted.at(-1) ?? NaN, values };
}

/**
 * One metric of one contender over all rounds; undefined if that contender does not measure it.
 * @param {Rounds} rounds
 * @param {string} contender
 * @param {string} metric
 */
export function series(rounds, contender, metric) {
  const values = rounds.kept.flatMap(({ figures }) => figures[contender]?.[metric] ?? []);
  return values.length === 0 ? undefined : summarise(values);
}

/**
 * The product compared with a peer, round by round.
 * @param {Rounds} rounds
 * @param {string} product
 * @param {string} peer
 * @param {string} metric
 * @param {'ratio' | 'difference'} how
 */
export function pairwise(rounds, product, peer, metric, how) {
  const values = rounds.kept.flatMap(({ figures }) => {
    const [a, b] = [figures[product]?.[metric], figures[peer]?.[metric]];
    if (a === undefined || b === undefined) return [];
    return [how === 'ratio' ? a / b : a - b];
  });
  return values.length === 0 ? undefined : summarise(values);
}
