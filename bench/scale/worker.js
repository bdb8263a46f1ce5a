/**
 * A simulated worker: a first-in-first-out queue before slots of one speed, and what it has reported about itself, and
 * when. Status is sent as in docs/protocol.md: on a change, at most 4 a second, and every 5 s.
 */
import { limits } from '../../dist/protocol/limits.js';
import { healthScore, healthState } from '../../dist/rules/health.js';

/** @typedef {import('../../dist/rules/selection.js').Candidate['status']} Status */

const queueCapacity = 100;
const models = [{ name: 'm', sha256: '', bytes: 1, contextSize: 4096, capabilities: [] }];

/** Weight of the newest response in the running means, as in src/machines/scheduler.ts. */
const newestWeight = 0.2;

/** How many of its last statuses are kept: enough for the oldest that anybody looks at. */
const keptStatuses = 64;

export class Worker {
  /** @type {number[]} requests that wait, the next one first */
  queue = [];
  busy = 0;
  /** @type {number | null} */
  #avgResponseMs = null;
  /** @type {number | null} */
  #tokensPerSecond = null;
  /** @type {{ atMs: number, status: Status }[]} */
  #said;
  /** When what has changed will be said; infinity where nothing has. */
  #dueMs = Infinity;

  /** @param {import('./trace.js').SimulatedWorker} traits */
  constructor(traits) {
    this.traits = traits;
    this.#said = [{ atMs: 0, status: this.#status() }];
  }

  get hasFreeSlot() {
    return this.busy < this.traits.slots;
  }

  /** @param {number} nowMs @param {() => void} change */
  change(nowMs, change) {
    this.#sayWhatIsDue(nowMs);
    change();
    const lastMs = this.#said.at(-1)?.atMs ?? 0;
    this.#dueMs = Math.max(nowMs, lastMs + limits.statusMinGapMs);
  }

  /** @param {number} responseMs @param {number} tokensPerSecond */
  noteEnd(responseMs, tokensPerSecond) {
    this.#avgResponseMs = mean(this.#avgResponseMs, responseMs);
    this.#tokensPerSecond = mean(this.#tokensPerSecond, tokensPerSecond);
  }

  /** The last it had said by `atMs`, and when it said so the last time. @param {number} atMs @param {number} nowMs */
  saidBy(atMs, nowMs) {
    this.#sayWhatIsDue(nowMs);
    let index = this.#said.length - 1;
    while (index > 0 && /** @type {{ atMs: number }} */ (this.#said[index]).atMs > atMs) index--;
    const said = /** @type {{ atMs: number, status: Status }} */ (this.#said[index]);
    const heartbeats = Math.max(0, Math.floor((atMs - said.atMs) / limits.statusHeartbeatMs));
    return { status: said.status, atMs: said.atMs + heartbeats * limits.statusHeartbeatMs };
  }

  /** @param {number} nowMs */
  #sayWhatIsDue(nowMs) {
    if (this.#dueMs > nowMs) return;
    this.#said.push({ atMs: this.#dueMs, status: this.#status() });
    if (this.#said.length > 2 * keptStatuses) this.#said = this.#said.slice(-keptStatuses);
    this.#dueMs = Infinity;
  }

  /** @returns {Status} */
  #status() {
    const { base, totalSlots } = this.traits;
    const score = healthScore({ ...base, queue: (100 * this.queue.length) / queueCapacity });
    return {
      models,
      health: { score, ...healthState(healthScore(base)) },
      queue: { length: this.queue.length, capacity: queueCapacity },
      slots: { total: totalSlots, busy: this.busy },
      performance: { avgResponseMs: this.#avgResponseMs, tokensPerSecond: this.#tokensPerSecond },
    };
  }
}

/** @param {number | null} old @param {number} value */
const mean = (old, value) => (old === null ? value : old + newestWeight * (value - old));
