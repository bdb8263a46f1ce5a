/**
 * Which of the worker's models are loaded. Child of services, before the engines; permanent. It starts with no
 * knowledge and asks the engines. rules/residency.ts decides what to load and unload, and states the invariants.
 */
import { setup } from 'xstate';
import { planResidency, type Residence, type Resident, type ResidencyPlan } from '../rules/residency.js';
import { maxMicrosteps } from '../runtime/limits.js';

/** By the model's place in the list of wanted models. */
export type Residents = ReadonlyMap<number, Resident & { readonly model: string }>;

/** Requests waiting for and running in a model, by its SHA-256. */
export interface Demand {
  readonly model: string;
  readonly waitingSinceMs: number | undefined;
  readonly running: number;
}

export interface ResidencyInput {
  readonly budgetBytes: number;
  /** Monotonic. */
  readonly monotonicMs: () => number;
}

export interface ResidencyContext extends ResidencyInput {
  readonly residents: Residents;
  readonly held: readonly number[];
}

export type ResidencyEvent =
  | { type: 'engine.residence'; place: number; model: string; memoryBytes: number; residence: Residence }
  /** Its engine will not be started again. */
  | { type: 'engine.gone'; place: number }
  | { type: 'demand.changed'; demand: readonly Demand[] }
  | { type: 'sys.shutdown' };

/** Whether a request waits for a model that is not loaded. */
const someoneWaits = ({ residents }: ResidencyContext): boolean =>
  [...residents.values()].some(
    ({ residence, waitingSinceMs }) => residence === 'parked' && waitingSinceMs !== undefined,
  );

const base = setup({
  types: { context: {} as ResidencyContext, events: {} as ResidencyEvent, input: {} as ResidencyInput },
  actions: {
    /** Every engine answers with `engine.residence`. */
    askEngines: () => {},
    /** Tells engines to load and unload. Requests may still come for a model that stays parked. */
    carryOut: (_, _params: ResidencyPlan<number>) => {},
    /** Tells the scheduler to start nothing new in these models. */
    hold: (_, _params: { models: readonly string[] }) => {},
    publish: (_, _params: { residents: Residents }) => {},
  },
  guards: {
    someoneWaits: ({ context }) => someoneWaits(context),
    nobodyWaits: ({ context }) => !someoneWaits(context),
  },
  delays: {
    /** While a request waits for an unloaded model: another model's turn may be over. */
    lookMs: 1_000,
  },
});

const chart = base.extend({
  actions: {
    noteEngine: base.assign(({ context, event }) => {
      if (event.type !== 'engine.residence') return {};
      const { place, model, memoryBytes, residence } = event;
      const before = context.residents.get(place);
      const isNew = before?.model !== model;
      const usedAtMs = residence === before?.residence && !isNew ? before.usedAtMs : context.monotonicMs();
      const running = isNew ? 0 : before.running;
      const waitingSinceMs = isNew ? undefined : before.waitingSinceMs;
      const loadedAtMs =
        residence === 'loaded' && residence === before?.residence ? before.loadedAtMs : context.monotonicMs();
      const resident = { model, memoryBytes, residence, running, waitingSinceMs, usedAtMs, loadedAtMs };
      const residents = new Map(context.residents).set(place, resident);
      return { residents: new Map([...residents].sort(([a], [b]) => a - b)) };
    }),
    forgetEngine: base.assign(({ context, event }) => ({
      residents: new Map(
        [...context.residents].filter(([place]) => event.type !== 'engine.gone' || place !== event.place),
      ),
    })),
    noteDemand: base.assign(({ context, event }) => {
      if (event.type !== 'demand.changed') return {};
      const ofModel = new Map(event.demand.map((demand) => [demand.model, demand]));
      const now = context.monotonicMs();
      const residents = [...context.residents].map(([place, resident]) => {
        const { waitingSinceMs, running = 0 } = ofModel.get(resident.model) ?? {};
        const isUsed = running > 0 || waitingSinceMs !== undefined;
        const usedAtMs = isUsed ? now : resident.usedAtMs;
        return [place, { ...resident, waitingSinceMs, running, usedAtMs }] as const;
      });
      return { residents: new Map(residents) };
    }),
    plan: base.enqueueActions(({ context, enqueue }) => {
      const { residents, budgetBytes, held } = context;
      const plan = planResidency(residents, budgetBytes, context.monotonicMs());
      enqueue({ type: 'carryOut', params: plan });
      // Last, so that an unloaded model has no slots any more by the time it is no longer held.
      if (plan.hold.join() !== held.join()) {
        enqueue.assign({ held: plan.hold });
        const models = plan.hold.map((place) => residents.get(place)?.model ?? '');
        enqueue({ type: 'hold', params: { models } });
      }
      enqueue({ type: 'publish', params: { residents } });
    }),
  },
});

export const residencyMachine = chart.createMachine({
  id: 'residency',
  options: { maxIterations: maxMicrosteps },
  context: ({ input }) => ({ ...input, residents: new Map(), held: [] }),
  entry: 'askEngines',
  initial: 'settled',
  on: {
    'sys.shutdown': '.stopped',
    'engine.residence': { actions: ['noteEngine', 'plan'] },
    'engine.gone': { actions: ['forgetEngine', 'plan'] },
    'demand.changed': { actions: ['noteDemand', 'plan'] },
  },
  states: {
    /** Nobody waits for an unloaded model: no timer runs. */
    settled: { always: { guard: 'someoneWaits', target: 'pressed' } },
    pressed: {
      always: { guard: 'nobodyWaits', target: 'settled' },
      after: { lookMs: { target: 'pressed', reenter: true, actions: 'plan' } },
    },
    stopped: { type: 'final' },
  },
});
