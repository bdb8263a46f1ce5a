/**
 * The ideal: one central queue with perfect and instant knowledge, first in, first out, fastest free slot first, and no
 * network. No client can achieve it; it puts the other figures into proportion.
 */
import { element } from './element.js';
import { EventHeap } from './event-heap.js';

/**
 * @param {import('./trace.js').Trace} trace
 * @returns {import('./simulation.js').Served}
 */
export function idealQueue({ workers, askedAtMs, work }) {
  const requests = askedAtMs.length;
  const served = { waitMs: new Float64Array(requests), responseMs: new Float64Array(requests), moves: 0 };
  const running = new EventHeap(); // by when they end: the worker
  const free = new EventHeap(); // the fastest first: the worker
  workers.forEach(({ tokensPerSecond, slots }, worker) => {
    for (let slot = 0; slot < slots; slot++) free.push(-tokensPerSecond, worker);
  });
  /** @param {number} worker */
  const speed = (worker) => element(workers, worker).tokensPerSecond;

  for (let request = 0; request < requests; request++) {
    // first in, first out: this request starts once a slot is free and all before it have started
    const askedMs = element(askedAtMs, request);
    let nowMs = askedMs;
    const release = () => {
      const worker = running.pop();
      free.push(-speed(worker), worker);
    };
    while (running.nextMs <= nowMs) release();
    if (free.nextMs === Infinity) {
      nowMs = running.nextMs;
      release();
    }
    const worker = free.pop();
    const serviceMs = (1000 * element(work, request)) / speed(worker);
    running.push(nowMs + serviceMs, worker);
    served.waitMs[request] = nowMs - askedMs;
    served.responseMs[request] = nowMs + serviceMs - askedMs;
  }
  return served;
}
