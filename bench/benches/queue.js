/** Cost of one queue operation with a thousand and with a million waiting; log n doubles between them. */
import { emptyQueue, enqueue, positionOf, put, remove, take } from '../../dist/rules/queue.js';
import { tiers } from '../../dist/rules/tiers.js';
import { resultOf } from '../report.js';
import { runRounds } from '../rounds.js';

export const name = 'queue';
export const about = 'cost of a queue operation, by queue length (in this process)';

const models = ['m0', 'm1', 'm2'];

/** Spread over tiers, models and deadlines; who waits longest came first. @param {number} arrival */
const waiting = (arrival) => ({
  key: `account${(arrival * 7_919) % 100_000}/r${arrival}`,
  model: models[arrival % models.length] ?? '',
  tier: tiers[(arrival * 31) % tiers.length] ?? 'guest',
  isOwner: false,
  arrival,
  arrivedAtMs: arrival / 10,
  expiresAtMs: arrival % 2 === 0 ? undefined : 1e9 + arrival,
});

/** @param {number} length */
function queueOf(length) {
  let queue = emptyQueue(2 * length);
  for (let arrival = 0; arrival < length; arrival++) queue = put(queue, waiting(arrival), arrival / 10);
  return queue;
}

/** @param {number} length */
const told = (length) => length.toLocaleString('en');

/** @param {import('../context.js').Context} context */
export async function run({ rounds, smoke, say }) {
  const lengths = smoke ? [100, 1_000] : [1_000, 10_000, 100_000, 1_000_000];
  /** At most half of the shortest queue: none runs empty. */
  const times = smoke ? 50 : 500;
  const repeats = smoke ? 1 : 20;
  /** @typedef {ReturnType<typeof queueOf>} Queue */
  const queues = /** @type {Map<number, Queue>} */ (new Map());
  /** The queue is a value, so every repetition begins with the same one. */
  const operations = /** @type {Record<string, (queue: Queue, key: string, arrival: number) => Queue>} */ ({
    enqueue: (queue, _key, arrival) => enqueue(queue, waiting(arrival), { nowMs: arrival / 10, sharePercent: 100 })[0],
    take: (queue) => take(queue, models)[1],
    cancel: (queue, key) => remove(queue, key),
    position: (queue, key) => (positionOf(queue, key), queue),
  });
  const contender = {
    name: 'queue',
    start: async () => lengths.forEach((length) => queues.set(length, queueOf(length))),
    async measure() {
      const figures = /** @type {Record<string, number>} */ ({});
      for (const [operation, act] of Object.entries(operations)) {
        for (const length of lengths) {
          const base = queues.get(length) ?? queueOf(length);
          const keys = Array.from({ length: times }, (_, i) => waiting((i * 104_729) % length).key);
          const started = performance.now();
          for (let repeat = 0; repeat < repeats; repeat++) {
            let queue = base;
            keys.forEach((key, i) => (queue = act(queue, key, length + i)));
          }
          figures[`${operation}${length}`] = (1_000 * (performance.now() - started)) / (times * repeats);
        }
        const [least = 0, most = 0] = [lengths[0], lengths.at(-1)];
        figures[`${operation}Growth`] =
          (figures[`${operation}${most}`] ?? NaN) / (figures[`${operation}${least}`] ?? NaN);
      }
      return figures;
    },
    stop: async () => queues.clear(),
  };
  const measured = await runRounds([contender], { rounds, keepDisturbed: smoke, say });
  const metrics = Object.fromEntries(
    Object.keys(operations).flatMap((operation) => [
      ...lengths.map((length) => [
        `${operation}${length}`,
        { label: `${operation}, ${told(length)} waiting`, unit: 'µs' },
      ]),
      [
        `${operation}Growth`,
        { label: `${operation}, ${told(lengths.at(-1) ?? 0)} ÷ ${told(lengths[0] ?? 0)}`, unit: '×' },
      ],
    ]),
  );
  return resultOf(name, { lengths, times, repeats, models: models.length }, metrics, [contender.name], measured);
}
