/**
 * The supervisor against the model: random trees, random schedules of crashes, ends, failing starts, children that come and go,
 * and time. After every step both must have done the same, in the same order.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { setup, type AnyActorRef } from 'xstate';
import { guardedCallback } from '../../src/runtime/guarded-callback.js';
import { seededRandom } from '../../src/runtime/random.js';
import { startTree, type Tree } from '../../src/runtime/start-tree.js';
import type { ActorSpec, SupervisionEvent, SupervisorSpec } from '../../src/runtime/supervision.js';
import { VirtualClock } from '../../src/runtime/virtual-clock.js';
import { crash } from '../support/crash.js';
import { isSoak } from '../support/soak.js';
import { backoff, endingMs, ModelWorld, windowMs, type LeafPlan, type TreePlan } from './supervisor-model.js';

const runs = isSoak ? 50_000 : 2_000;

class RealWorld {
  readonly clock = new VirtualClock();
  readonly journal: string[] = [];
  readonly duds = new Map<string, number>();
  readonly tree: Tree;
  hasEscalated = false;

  constructor(plan: TreePlan) {
    const ports = {
      clock: this.clock,
      random: seededRandom(1),
      onEvent: (event: SupervisionEvent) => this.#note(event),
    };
    this.tree = startTree(this.#table(plan), ports);
    this.tree.onEscalation(() => (this.hasEscalated = true));
  }

  get(id: string): AnyActorRef {
    return this.tree.system.get(id) as AnyActorRef;
  }

  #table(plan: TreePlan): SupervisorSpec {
    const { id, restart, strategy, maxRestarts } = plan;
    const children = plan.children.map((child) => ('children' in child ? this.#table(child) : this.leaf(child)));
    return { id, restart, strategy, children, intensity: { maxRestarts, windowMs }, backoff };
  }

  leaf({ id, restart, shutdownMs }: LeafPlan): ActorSpec {
    const presence = guardedCallback(() => {
      this.journal.push(`+ ${id}`);
      return () => void this.journal.push(`- ${id}`);
    });
    const logic = setup({
      types: {},
      actors: { presence },
      delays: { ending: endingMs },
    }).createMachine({
      context: () => {
        const duds = this.duds.get(id) ?? 0;
        if (duds > 0) this.duds.set(id, duds - 1);
        if (duds > 0) throw new Error('dud');
        return {};
      },
      invoke: { src: 'presence' },
      initial: 'on',
      states: {
        on: { on: { finish: 'end', 'sys.shutdown': 'ending' } },
        ending: { on: { finish: 'end' }, after: { ending: 'end' } },
        end: { type: 'final' },
      },
    });
    return { id, restart, shutdownMs, logic };
  }

  #note(event: SupervisionEvent): void {
    const again = 'restartInMs' in event ? `, again in ${event.restartInMs}` : '';
    this.journal.push(
      `${event.type.replace('child.', '')} ${event.type === 'escalated' ? event.supervisor : event.id}${again}`,
    );
  }
}

const restart = fc.constantFrom('permanent', 'permanent', 'transient', 'temporary');
const leafShape = fc.record({ restart, shutdownMs: fc.constantFrom(0, 20, 50) });
const supervisorShape = {
  restart,
  strategy: fc.constantFrom('one-for-one', 'rest-for-one', 'one-for-all'),
  maxRestarts: fc.integer({ min: 0, max: 6 }),
};

/** Up to three levels of supervisors; names follow from the places. */
const tree = fc
  .letrec<{ leaf: Shape; node: Shape; any: Shape }>((tie) => ({
    leaf: leafShape,
    node: fc.record({ ...supervisorShape, children: fc.array(tie('any'), { minLength: 1, maxLength: 4 }) }),
    any: fc.oneof(
      { maxDepth: 2, depthSize: 'large' },
      { arbitrary: tie('leaf'), weight: 3 },
      { arbitrary: tie('node'), weight: 1 },
    ),
  }))
  .node.map((shape) => named(shape, 'r') as TreePlan);

type Shape = Omit<LeafPlan, 'id'> | (Omit<TreePlan, 'id' | 'children'> & { readonly children: readonly Shape[] });

function named(shape: Shape, id: string): LeafPlan | TreePlan {
  if (!('children' in shape)) return { ...shape, id };
  return { ...shape, id, children: shape.children.map((child, index) => named(child, `${id}${index}`)) };
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('crash' as const), pick: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('finish' as const), pick: fc.nat() }) },
  { weight: 6, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 200 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('dud' as const), pick: fc.nat(), count: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('start' as const),
      pick: fc.nat(),
      name: fc.constantFrom('x', 'y'),
      leaf: leafShape,
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('stop' as const), pick: fc.nat() }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function perform(step: Step, model: ModelWorld, real: RealWorld): void {
  if (step.type === 'wait') {
    model.advance(step.ms);
    real.clock.advance(step.ms);
    return;
  }
  const running = model.up();
  const leaves = running.filter(({ kid }) => !kid.sub);
  const chosen = step.type === 'crash' ? running : leaves;
  const target = chosen[step.pick % Math.max(1, chosen.length)];
  if (step.type === 'start') {
    if (model.hasEscalated) return;
    const supervisors = [model.root, ...running.flatMap(({ kid }) => kid.sub ?? [])];
    const keeper = supervisors[step.pick % supervisors.length]!;
    const plan = { ...step.leaf, id: `${keeper.plan.id}${step.name}` };
    keeper.startDynamic(plan);
    real.get(keeper.plan.id).send({ type: 'sup.start', spec: real.leaf(plan) });
    return;
  }
  if (!target) return;
  const { kid, keeper } = target;
  const { id } = kid.plan;
  switch (step.type) {
    case 'crash':
      keeper.end(kid, true);
      crash(real.get(id));
      return;
    case 'finish':
      keeper.end(kid, false);
      real.get(id).send({ type: 'finish' });
      return;
    case 'stop':
      keeper.stopNamed(id);
      real.get(keeper.plan.id).send({ type: 'sup.stop', id });
      return;
    case 'dud':
      model.duds.set(id, step.count);
      real.duds.set(id, step.count);
  }
}

describe('supervisor', () => {
  it(`behaves like the model over ${runs} random trees and schedules, and leaks nothing`, () => {
    let escalations = 0;
    fc.assert(
      fc.property(tree, fc.array(step, { maxLength: 30 }), (plan, steps) => {
        const model = new ModelWorld(plan);
        const real = new RealWorld(plan);
        expect(real.journal).toEqual(model.journal);
        for (const each of steps) {
          perform(each, model, real);
          expect(real.journal).toEqual(model.journal);
          expect(real.hasEscalated).toBe(model.hasEscalated);
        }
        if (model.hasEscalated) escalations++;

        const youngestFirst = model
          .up()
          .filter(({ kid }) => !kid.sub)
          .map(({ kid }) => `- ${kid.plan.id}`)
          .reverse();
        const before = real.journal.length;
        let stopped = 0;
        real.tree.stop(() => stopped++);
        real.clock.advance(60_000);
        expect(stopped).toBe(1);
        const count = (sign: string) => real.journal.filter((line) => line.startsWith(sign)).sort();
        expect(count('- ').map((line) => line.slice(1))).toEqual(count('+ ').map((line) => line.slice(1)));
        const ended = real.journal.slice(before).filter((line) => line.startsWith('- '));
        if (model.isQuiet) expect(ended).toEqual(youngestFirst);
        expect(real.clock.pending).toBe(0);
        expect(real.tree.system.getAll()).toEqual({});
      }),
      { numRuns: runs },
    );
    expect(escalations).toBeGreaterThan(runs / 100); // the schedules are rough enough to mean something
  }, 1_200_000);
});
