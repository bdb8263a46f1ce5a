/**
 * Runs one policy on one trace: clients choose a worker from what they have heard, and workers serve first in, first
 * out. Everything that takes time in the mesh takes time here: prompts, cancels and statuses cross the network, and a
 * status has its age.
 */
import { limits } from '../../dist/protocol/limits.js';
import { seededRandom } from '../../dist/runtime/random.js';
import { element } from './element.js';
import { EventHeap } from './event-heap.js';
import { Worker } from './worker.js';

/** @typedef {import('../../dist/rules/selection.js').Candidate} Candidate */

/** @typedef {() => number} Chance */

/**
 * What a client does. `move`: its request was told to wait; another worker that it should be sent to instead.
 * @typedef {object} Policy
 * @property {(candidates: Candidate[], nowMs: number, chance: Chance) => Candidate | undefined} choose
 * @property {(candidates: Candidate[], tried: string[], here: { worker: string, position: number }, nowMs: number, chance: Chance) => Candidate | undefined} [move]
 */

/**
 * @typedef {object} Served
 * @property {Float64Array} waitMs from asking until a slot begins, the way there included
 * @property {Float64Array} responseMs from asking until the answer is whole at the client
 * @property {number} moves requests taken out of one line into another, for each request
 */

/** A request at one worker. @typedef {{ request: number, worker: number, arrivedAtMs: number, state: 'sent' | 'queued' | 'running' | 'over' }} Try */

/** @type {readonly ('arrive' | 'end' | 'hear' | 'look' | 'cancel')[]} */
const events = ['arrive', 'end', 'hear', 'look', 'cancel'];

/** A request is sent to at most so many workers, as everywhere in the client. */
const maxTries = 5;

export class Simulation {
  #trace;
  #policy;
  #staleMs;
  #chance;
  #workers;
  /** Of each client: its unfinished tries at a worker. @type {Map<number, Set<number>>[]} */
  #inFlight;
  #heap = new EventHeap();
  #nowMs = 0;
  /** @type {Try[]} */
  #tries = [];
  /** Of each request: its latest try. */
  #current;
  /** Of requests that moved: where they were. @type {Map<number, string[]>} */
  #left = new Map();
  #moves = 0;
  #waitMs;
  #responseMs;

  /**
   * @param {import('./trace.js').Trace} trace
   * @param {Policy} policy
   * @param {{ staleMs?: number | undefined }} [options] staleMs: every status is exactly so old
   */
  constructor(trace, policy, { staleMs } = {}) {
    this.#trace = trace;
    this.#policy = policy;
    this.#staleMs = staleMs;
    const random = seededRandom(trace.options.seed + 1);
    this.#chance = () => random.next();
    this.#workers = trace.workers.map((traits) => new Worker(traits));
    this.#inFlight = Array.from({ length: trace.options.clients }, () => new Map());
    const requests = trace.askedAtMs.length;
    this.#current = new Int32Array(requests);
    this.#waitMs = new Float64Array(requests);
    this.#responseMs = new Float64Array(requests);
  }

  /** @returns {Served} */
  run() {
    const { askedAtMs } = this.#trace;
    const requests = askedAtMs.length;
    for (let next = 0; next < requests || this.#heap.nextMs < Infinity;) {
      const askMs = askedAtMs[next] ?? Infinity;
      if (askMs <= this.#heap.nextMs) {
        this.#nowMs = askMs;
        this.#ask(next++);
        continue;
      }
      this.#nowMs = this.#heap.nextMs;
      const event = this.#heap.pop();
      this.#happen(element(events, event % events.length), Math.floor(event / events.length));
    }
    return { waitMs: this.#waitMs, responseMs: this.#responseMs, moves: this.#moves / requests };
  }

  /** @param {number} delayMs @param {typeof events[number]} event @param {number} index of the try */
  #after(delayMs, event, index) {
    this.#heap.push(this.#nowMs + delayMs, index * events.length + events.indexOf(event));
  }

  /** @param {typeof events[number]} event @param {number} index */
  #happen(event, index) {
    const tried = element(this.#tries, index);
    if (event === 'arrive') this.#arrive(tried, index);
    else if (event === 'end') this.#end(tried, index);
    else if (event === 'hear') this.#leave(tried, index);
    else if (event === 'look') this.#look(tried, index);
    else this.#cancel(tried, index);
  }

  /** @param {number} request */
  #ask(request) {
    const chosen = this.#policy.choose(this.#candidates(request), this.#nowMs, this.#chance);
    if (chosen === undefined) throw new Error('nobody was chosen');
    this.#send(request, Number(chosen.worker));
  }

  /** @param {number} request @param {number} worker */
  #send(request, worker) {
    const index = this.#tries.push({ request, worker, arrivedAtMs: Infinity, state: 'sent' }) - 1;
    this.#current[request] = index;
    const own = this.#ownOf(request);
    own.set(worker, (own.get(worker) ?? new Set()).add(index));
    this.#after(this.#latencyMs(request, worker), 'arrive', index);
  }

  /** @param {Try} tried @param {number} index */
  #arrive(tried, index) {
    const worker = element(this.#workers, tried.worker);
    tried.arrivedAtMs = this.#nowMs;
    worker.change(this.#nowMs, () => {
      if (worker.hasFreeSlot) return this.#start(worker, index);
      tried.state = 'queued';
      worker.queue.push(index);
    });
    if (tried.state === 'queued' && this.#policy.move !== undefined)
      this.#after(this.#latencyMs(tried.request, tried.worker), 'look', index);
  }

  /** @param {Worker} worker @param {number} index */
  #start(worker, index) {
    const tried = element(this.#tries, index);
    tried.state = 'running';
    worker.busy++;
    this.#waitMs[tried.request] = this.#nowMs - element(this.#trace.askedAtMs, tried.request);
    this.#after((1000 * element(this.#trace.work, tried.request)) / worker.traits.tokensPerSecond, 'end', index);
  }

  /** @param {Try} tried @param {number} index */
  #end(tried, index) {
    if (tried.state === 'over') return;
    const { request } = tried;
    const worker = element(this.#workers, tried.worker);
    const latencyMs = this.#latencyMs(request, tried.worker);
    if (this.#current[request] === index)
      this.#responseMs[request] = this.#nowMs + latencyMs - element(this.#trace.askedAtMs, request);
    this.#after(latencyMs, 'hear', index);
    this.#release(worker, tried, () => {
      const { work, answerTokens } = this.#trace;
      const tokensPerSecond = (worker.traits.tokensPerSecond * element(answerTokens, request)) / element(work, request);
      worker.noteEnd(this.#nowMs - tried.arrivedAtMs, tokensPerSecond);
    });
  }

  /** @param {Worker} worker @param {Try} tried @param {() => void} note */
  #release(worker, tried, note) {
    worker.change(this.#nowMs, () => {
      tried.state = 'over';
      worker.busy--;
      note();
      const next = worker.queue.shift();
      if (next !== undefined) this.#start(worker, next);
    });
  }

  /** The client hears that it waits, and sees what it knows of others. @param {Try} tried @param {number} index */
  #look(tried, index) {
    const { request } = tried;
    if (tried.state !== 'queued' || this.#current[request] !== index) return;
    const left = [...(this.#left.get(request) ?? []), String(tried.worker)];
    if (left.length === maxTries) return;
    const here = {
      worker: String(tried.worker),
      position: element(this.#workers, tried.worker).queue.indexOf(index) + 1,
    };
    const better = this.#policy.move?.(this.#candidates(request), left, here, this.#nowMs, this.#chance);
    if (better === undefined) return this.#after(limits.queueStatusMinGapMs, 'look', index);
    this.#left.set(request, left);
    this.#moves++;
    this.#after(this.#latencyMs(request, tried.worker), 'cancel', index);
    this.#leave(tried, index);
    this.#send(request, Number(better.worker));
  }

  /** @param {Try} tried @param {number} index */
  #cancel(tried, index) {
    const worker = element(this.#workers, tried.worker);
    if (tried.state === 'running') this.#release(worker, tried, () => {});
    if (tried.state !== 'queued') return;
    worker.change(this.#nowMs, () => {
      tried.state = 'over';
      worker.queue.splice(worker.queue.indexOf(index), 1);
    });
  }

  /** What this client has unfinished there is one less. @param {Try} tried @param {number} index */
  #leave({ request, worker }, index) {
    const own = this.#ownOf(request);
    const left = own.get(worker);
    left?.delete(index);
    if (left?.size === 0) own.delete(worker);
  }

  /** @param {number} request */
  #ownOf(request) {
    return element(this.#inFlight, element(this.#trace.client, request));
  }

  /** The workers that this request's client sees, as it has heard of them. @param {number} request */
  #candidates(request) {
    const { views, client, options } = this.#trace;
    const own = this.#ownOf(request);
    const viewSize = views.length / options.clients;
    const from = element(client, request) * viewSize;
    const candidates = /** @type {Candidate[]} */ ([]);
    for (const worker of views.subarray(from, from + viewSize)) {
      const delayMs = this.#staleMs ?? this.#latencyMs(request, worker);
      const { status, atMs } = element(this.#workers, worker).saidBy(this.#nowMs - delayMs, this.#nowMs);
      const tries = [...(own.get(worker) ?? [])];
      const inFlight = tries.filter((index) => element(this.#tries, index).arrivedAtMs > atMs).length;
      candidates.push({ worker: String(worker), status, heardAtMs: atMs + delayMs, inFlight });
    }
    return candidates;
  }

  /** One way. @param {number} request @param {number} worker */
  #latencyMs(request, worker) {
    return (
      element(this.#trace.clientAccessMs, element(this.#trace.client, request)) +
      element(this.#workers, worker).traits.accessMs
    );
  }
}

/** @type {(...args: ConstructorParameters<typeof Simulation>) => Served} */
export const simulate = (...args) => new Simulation(...args).run();
