/**
 * The input, the same for every policy: the workers, who sees whom, and which requests arrive when. All of it follows
 * from the parameters and one seed.
 */
import { healthScore, healthState } from '../../dist/rules/health.js';
import { seededRandom } from '../../dist/runtime/random.js';

/**
 * A worker of a mesh. `slots` are those that its health lets it fill; each computes at `tokensPerSecond`.
 * @typedef {{ tokensPerSecond: number, totalSlots: number, slots: number, base: import('../../dist/rules/health.js').HealthSample, accessMs: number }} SimulatedWorker
 */

/** @typedef {{ tokensPerSecond: number, spread: number, slots: readonly (readonly [slots: number, share: number])[] }} Mix */

/**
 * @typedef {object} TraceOptions
 * @property {number} seed
 * @property {number} workers
 * @property {Mix} mix
 * @property {number} load share of all that the slots can compute that is asked for
 * @property {number} requestsPerWorker
 * @property {number} view how many workers a client is connected to
 * @property {number} clients
 */

/**
 * @typedef {object} Trace
 * @property {TraceOptions} options
 * @property {SimulatedWorker[]} workers
 * @property {Float64Array} clientAccessMs
 * @property {Int32Array} views the workers of client c stand from c × view on
 * @property {Float64Array} askedAtMs
 * @property {Int32Array} client who asks
 * @property {Float64Array} answerTokens
 * @property {Float64Array} work what is to be computed, in tokens of an answer: the prompt counts by its cost
 */

/**
 * Mixed: what stands in homes. 80 % compute between 9 and 44 tokens/s a slot, the best percent over 80. Equal: what papers
 * on schedulers take for simplicity.
 * @type {Record<string, Mix>}
 */
export const mixes = {
  mixed: {
    tokensPerSecond: 20,
    spread: 0.6,
    slots: [
      [1, 0.25],
      [2, 0.35],
      [4, 0.4],
    ],
  },
  equal: { tokensPerSecond: 20, spread: 0, slots: [[4, 1]] },
};

/** Answers: bounded Pareto, so that few long ones hold most of the work. Prompts cost an eighth of a token per token. */
const answerLength = { shape: 1.5, least: 64, most: 4_096 };
const promptLength = { median: 200, spread: 1, most: 4_096, costPerToken: 1 / 8 };

/** One way, half of it each end's. */
const accessMs = { least: 2, mean: 15 };

/** @param {TraceOptions} options @returns {Trace} */
export function createTrace(options) {
  const random = seededRandom(options.seed);
  const chance = () => random.next();
  const workers = Array.from({ length: options.workers }, () => createWorker(options.mix, chance));
  const requests = options.workers * options.requestsPerWorker;
  const answerTokens = Float64Array.from({ length: requests }, () => answer(chance));
  const work = answerTokens.map((tokens) => tokens + promptCost(chance));
  const meanWork = work.reduce((sum, each) => sum + each, 0) / requests;
  const tokensPerMs = workers.reduce((sum, { slots, tokensPerSecond }) => sum + slots * tokensPerSecond, 0) / 1000;
  const meanGapMs = meanWork / (options.load * tokensPerMs);
  let now = 0;
  return {
    options,
    workers,
    clientAccessMs: Float64Array.from({ length: options.clients }, () => access(chance)),
    views: createViews(options, chance),
    askedAtMs: Float64Array.from({ length: requests }, () => (now += meanGapMs * exponential(chance))),
    client: Int32Array.from({ length: requests }, () => Math.floor(chance() * options.clients)),
    answerTokens,
    work,
  };
}

/** @param {Mix} mix @param {() => number} chance @returns {SimulatedWorker} */
function createWorker({ tokensPerSecond, spread, slots }, chance) {
  let drawn = chance();
  const [totalSlots] = slots.find(([, share]) => (drawn -= share) < 0) ?? slots[0] ?? [1];
  const base = { cpu: 30 * chance() ** 2, memory: 20 + 50 * chance(), load: 30 * chance() ** 2, queue: 0 };
  return {
    tokensPerSecond: tokensPerSecond * Math.exp(spread * normal(chance)),
    totalSlots,
    slots: Math.ceil((totalSlots * healthState(healthScore(base)).capacity) / 100),
    base,
    accessMs: access(chance),
  };
}

/** @param {() => number} chance */
function answer(chance) {
  const { shape, least, most } = answerLength;
  return least / (1 - chance() * (1 - (least / most) ** shape)) ** (1 / shape);
}

/** @param {() => number} chance */
function promptCost(chance) {
  const { median, spread, most, costPerToken } = promptLength;
  return costPerToken * Math.min(most, median * Math.exp(spread * normal(chance)));
}

/** Each client's own sample, no worker twice. @param {TraceOptions} options @param {() => number} chance */
function createViews({ clients, view, workers }, chance) {
  const size = Math.min(view, workers);
  const views = new Int32Array(clients * size);
  for (let client = 0; client < clients; client++) {
    const seen = new Set();
    while (seen.size < size) seen.add(Math.floor(chance() * workers));
    views.set([...seen], client * size);
  }
  return views;
}

/** @param {() => number} chance */
const exponential = (chance) => -Math.log(1 - chance());

/** @param {() => number} chance */
const access = (chance) => accessMs.least + (accessMs.mean - accessMs.least) * exponential(chance);

/** @param {() => number} chance */
const normal = (chance) => Math.sqrt(-2 * Math.log(1 - chance())) * Math.cos(2 * Math.PI * chance());

const sampledRequests = 1_000;

/** A trace's parameters and beginning, to be compared with what its seed makes elsewhere. @param {Trace} trace */
export function sampleOf({ options, workers, askedAtMs, client, answerTokens, work }) {
  return {
    options,
    workers,
    requests: Array.from({ length: Math.min(sampledRequests, askedAtMs.length) }, (_, request) => ({
      askedAtMs: askedAtMs[request],
      client: client[request],
      answerTokens: answerTokens[request],
      work: work[request],
    })),
  };
}
