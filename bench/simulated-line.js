/**
 * The worker's real scheduler on a virtual clock with simulated slots: what each request was told on arrival, and how
 * long its first token then took.
 */
import { createActor } from 'xstate';
import { requestMachine } from '../dist/machines/request.machine.js';
import { runOf } from '../dist/machines/scheduler.js';
import { schedulerMachine } from '../dist/machines/scheduler.machine.js';
import { seededRandom } from '../dist/runtime/random.js';
import { VirtualClock } from '../dist/runtime/virtual-clock.js';

const model = { name: 'm', sha256: 'm', capabilities: [] };
/** In the order of magnitude of a 0.5B model on two cores, four requests at once. */
const prefillMsPerChar = 2;
const decodeMsPerToken = 60;
/** Mean lengths; both are spread as text is, with many short and few long ones. */
const promptChars = 400;
const answerTokens = 80;

/** @typedef {import('../dist/rules/tiers.js').Tier} Tier */
/** @typedef {{ tier: string, position: number, toldMs: number, meanRuleMs: number, tookMs: number }} Told */

/**
 * @param {object} options
 * @param {number} options.seed
 * @param {number} options.requests
 * @param {number} options.slots
 * @param {number} options.load arrivals against what the slots can do; 1 is just as much
 * @param {readonly Tier[]} options.tiers drawn from, evenly
 * @returns {readonly Told[]} those that were answered
 */
export function simulateLine({ seed, requests, slots, load, tiers }) {
  const clock = new VirtualClock();
  const random = seededRandom(seed);
  const spread = () => -Math.log(1 - random.next());
  const told = /** @type {Map<string, Omit<Told, 'tookMs'> & { atMs: number }>} */ (new Map());
  const answered = /** @type {Told[]} */ ([]);
  let arrivals = 0;

  const request = requestMachine.provide({
    actions: {
      startRun: ({ context: { record, slot } }) => {
        const run = runOf(record);
        const prefillMs = (record.prompt.prompt?.length ?? 0) * prefillMsPerChar;
        const tokens = Math.max(1, Math.round(answerTokens * spread()));
        clock.setTimeout(() => {
          scheduler.send({ type: 'run.firstToken', run });
          const entry = told.get(record.id);
          if (entry !== undefined) answered.push({ ...entry, tookMs: clock.monotonicMs() - entry.atMs });
        }, prefillMs);
        clock.setTimeout(
          () => {
            const usage = { finishReason: /** @type {const} */ ('stop'), promptTokens: 1, completionTokens: tokens };
            scheduler.send({ type: 'run.ended', run, usage });
            scheduler.send({ type: 'slot.idle', slot, model: model.sha256, isReserve: slot === `slot.${slots}` });
          },
          prefillMs + tokens * decodeMsPerToken,
        );
      },
    },
  });
  const machine = schedulerMachine.provide({
    actors: { request },
    actions: {
      tell: (_, all) => {
        for (const { record, position, waitMs } of all) {
          if (told.has(record.id)) continue;
          const { avgResponseMs } = scheduler.getSnapshot().context;
          const meanRuleMs = (avgResponseMs ?? 0) * Math.ceil(position / slots);
          const atMs = clock.monotonicMs();
          told.set(record.id, { tier: record.tier, position, toldMs: waitMs, meanRuleMs, atMs });
        }
      },
    },
  });
  const scheduler = createActor(machine, {
    clock,
    input: {
      queueCapacity: 100,
      drainMs: 0,
      sharesPrefix: false,
      owner: 'owner',
      monotonicMs: clock.monotonicMs,
      nextArrival: () => arrivals++,
      /** @param {string} account */
      standing: (account) => /** @type {Tier} */ (account.split(' ')[0]),
      gate: () => undefined,
      orderRefusal: () => undefined,
      contradicts: () => false,
      nothingUnsent: () => true,
      loadLeftMs: () => 0,
      healthCapacity: () => 100,
      models: () => [model],
      hasResult: () => false,
      isNewer: () => true,
      canMove: () => false,
    },
  }).start();

  for (let slot = 0; slot <= slots; slot++)
    scheduler.send({ type: 'slot.idle', slot: `slot.${slot}`, model: model.sha256, isReserve: slot === slots });
  const holdMs = promptChars * prefillMsPerChar + answerTokens * decodeMsPerToken;
  for (let n = 0; n < requests; n++) {
    clock.advance((spread() * holdMs) / (slots * load));
    const account = `${tiers[Math.floor(random.next() * tiers.length)]} ${n}`;
    const prompt = 'x'.repeat(Math.max(1, Math.round(promptChars * spread())));
    const message = /** @type {const} */ ({ v: 2, type: 'prompt', id: `r${n}`, prompt });
    scheduler.send({ type: 'prompt.received', peer: account, account, address: undefined, prompt: message });
  }
  clock.advance(1e7);
  scheduler.stop();
  return answered;
}
