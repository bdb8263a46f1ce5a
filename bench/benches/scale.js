/**
 * What it costs to choose a worker by hearsay: the client's rules on 1,000 and 10,000 simulated workers of mixed speed,
 * each client seeing 32 of them, compared with one ideal central queue on the same trace.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { resultOf } from '../report.js';
import { idealQueue } from '../scale/ideal.js';
import { toPlot } from '../scale/plot.js';
import { policies } from '../scale/policies.js';
import { simulate } from '../scale/simulation.js';
import { createTrace, mixes, sampleOf } from '../scale/trace.js';

export const name = 'scale';
export const about = 'choosing among 1,000 and 10,000 workers, compared with an ideal queue (simulated)';

/** @typedef {{ name: string, load: number, workers: number, mix: string, staleMs?: number }} Case */

const view = 32;
const load = 0.8;
const requestsPerWorker = 40;
const otherLoads = [0.5, 0.6, 0.7, 0.9, 0.95];

/** The first quarter fills the mesh and is not counted. */
const warmUpShare = 0.25;

const metrics = {
  meanResponse: { label: 'mean response', unit: 's', compare: /** @type {const} */ ('ratio') },
  p99Response: { label: 'response, 99 %', unit: 's' },
  meanWait: { label: 'mean wait', unit: 's' },
  p99Wait: { label: 'wait, 99 %', unit: 's' },
  moves: { label: 'moves, for each request', unit: '' },
};

/** The product first, the ideal last. */
const contenders = [...Object.keys(policies), 'ideal'];

/** @param {import('../context.js').Context} context */
export async function run({ smoke, rounds, say }) {
  const seeds = Math.min(rounds, 3); // what differs from seed to seed is a hundredth
  const size = smoke ? 20 : 1_000;
  /** @type {Case[]} */
  const cases = [
    { name: `${size} workers`, load, workers: size, mix: 'mixed' },
    { name: `${10 * size} workers`, load, workers: 10 * size, mix: 'mixed' },
    { name: `${size} workers, status 5 s old`, load, workers: size, mix: 'mixed', staleMs: 5_000 },
    { name: `${size} equal workers`, load, workers: size, mix: 'equal' },
    ...otherLoads.map((each) => ({ name: `${size} workers, load ${each}`, load: each, workers: size, mix: 'mixed' })),
  ];
  const found = cases.map((each) => {
    const kept = Array.from({ length: seeds }, (_, round) => ({
      foreignCores: null,
      figures: measure(each, round + 1),
    }));
    const result = resultOf(each.name, {}, metrics, contenders, { kept, discarded: 0, checked: false });
    const ratio = result.comparisons.find(({ peer }) => peer === 'ideal')?.summary.median;
    say(`  ${each.name}: mean response ${ratio?.toFixed(3)} of the ideal`);
    return { ...each, result };
  });
  if (!smoke) keep(found);
  /** @type {<T extends { metric: string, label: string }>(pick: (result: import('../report.js').BenchResult) => T[]) => T[]} */
  const all = (pick) =>
    found.flatMap(({ name: which, result }) =>
      pick(result).map((row) => ({ ...row, metric: `${which}: ${row.metric}`, label: `${which}: ${row.label}` })),
    );
  return {
    bench: name,
    settings: { view, requestsPerWorker, seeds, warmUpShare, mixes },
    rounds: { kept: seeds, discarded: 0, othersChecked: false, foreignCores: [] },
    figures: all(({ figures }) => figures),
    comparisons: all(({ comparisons }) => comparisons),
  };
}

/**
 * Every contender on the trace of one seed.
 * @param {Case} which
 * @param {number} seed
 * @returns {Record<string, import('../rounds.js').Figures>}
 */
function measure({ workers, mix, load: share, staleMs }, seed) {
  const trace = createTrace(traceOptions({ workers, mix, load: share }, seed));
  const figures = Object.entries(policies).map(([policy, rules]) => [
    policy,
    figuresOf(simulate(trace, rules, { staleMs })),
  ]);
  return Object.fromEntries([...figures, ['ideal', figuresOf(idealQueue(trace))]]);
}

/** @param {{ workers: number, mix: string, load: number }} which @param {number} seed */
function traceOptions({ workers, mix, load: share }, seed) {
  const chosen = mixes[mix];
  if (chosen === undefined) throw new Error(`there is no mix '${mix}'`);
  return { seed, workers, clients: workers, mix: chosen, load: share, view, requestsPerWorker };
}

/** @param {import('../scale/simulation.js').Served} served */
function figuresOf({ waitMs, responseMs, moves }) {
  const from = Math.floor(warmUpShare * waitMs.length);
  const [waits, responses] = [waitMs.subarray(from).toSorted(), responseMs.subarray(from).toSorted()];
  return {
    meanResponse: mean(responses) / 1000,
    p99Response: (responses[Math.floor(0.99 * responses.length)] ?? NaN) / 1000,
    meanWait: mean(waits) / 1000,
    p99Wait: (waits[Math.floor(0.99 * waits.length)] ?? NaN) / 1000,
    moves,
  };
}

/** @param {Float64Array} values */
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * The plot, and the beginning of the first case's trace: the rest follows from its seed.
 * @param {(Case & { result: import('../report.js').BenchResult })[]} found
 */
function keep(found) {
  const folder = new URL('../results/', import.meta.url);
  const [first] = found;
  if (first === undefined) return;
  const overLoad = found.filter(
    ({ workers, mix, staleMs }) => workers === first.workers && mix === first.mix && staleMs === undefined,
  );
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL('scale.svg', folder), toPlot(overLoad.sort((a, b) => a.load - b.load)));
  const sample = sampleOf(createTrace(traceOptions(first, 1)));
  writeFileSync(new URL('scale-trace.json.gz', folder), gzipSync(JSON.stringify(sample)));
}
