/** Policies for choosing a worker: the product's own, and those it must beat. All have the same view. */
import { selectElsewhere, selectWorker } from '../../dist/rules/selection.js';

/** @typedef {import('./simulation.js').Policy} Policy */

const anything = { model: undefined, pin: undefined, account: undefined };

/** @type {Record<string, Policy>} */
export const policies = {
  qmesh: {
    choose: (candidates, nowMs, chance) => selectWorker(candidates, { ...anything, tried: [] }, nowMs, chance),
    move: (candidates, tried, here, nowMs, chance) =>
      selectElsewhere(candidates, { ...anything, tried }, here, nowMs, chance),
  },
  'qmesh, never moving': {
    choose: (candidates, nowMs, chance) => selectWorker(candidates, { ...anything, tried: [] }, nowMs, chance),
  },
  'least queue': { choose: leastQueue },
  random: { choose: (candidates, _nowMs, chance) => candidates[Math.floor(chance() * candidates.length)] },
};

/**
 * The fewest requests for each slot; among equals, chance.
 * @type {Policy['choose']}
 */
function leastQueue(candidates, _nowMs, chance) {
  const burdens = candidates.map(({ status: { queue, slots } }) => (queue.length + slots.busy) / slots.total);
  const least = Math.min(...burdens);
  const best = candidates.filter((_, index) => burdens[index] === least);
  return best[Math.floor(chance() * best.length)];
}
