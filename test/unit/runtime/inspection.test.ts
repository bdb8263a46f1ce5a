import { describe, expect, it } from 'vitest';
import { setup, type AnyActorRef } from 'xstate';
import { lineInspector, traceHash, type Inspector } from '../../../src/runtime/inspection.js';
import { seededRandom } from '../../../src/runtime/random.js';
import { startTree } from '../../../src/runtime/start-tree.js';
import { tell } from '../../../src/runtime/tell.js';
import { VirtualClock } from '../../../src/runtime/virtual-clock.js';

/** Passes each ball on to `other`, once. */
const player = (other: string) =>
  setup({
    types: {},
    actions: {
      pass: ({ system, self }) => void tell(system, other, { type: 'ball' }, self),
      crash: () => {
        throw new Error('fell');
      },
    },
    delays: { breather: 5 },
  }).createMachine({
    initial: 'ready',
    states: {
      ready: { on: { ball: { target: 'tired', actions: 'pass' }, crash: { actions: 'crash' } } },
      tired: { after: { breather: 'ready' } },
    },
  });

function play(inspectorFor: (clock: VirtualClock) => Inspector | undefined, balls = 1): void {
  const clock = new VirtualClock();
  const children = [
    { id: 'ann', logic: player('bob') },
    { id: 'bob', logic: player('ann') },
  ];
  const spec = { id: 'root', strategy: 'one-for-one' as const, children };
  const tree = startTree(spec, { clock, random: seededRandom(7) }, { inspect: inspectorFor(clock) });
  for (let ball = 0; ball < balls; ball++) {
    (tree.system.get('ann') as AnyActorRef).send({ type: 'ball' });
    clock.advance(10);
  }
  (tree.system.get('bob') as AnyActorRef).send({ type: 'crash' });
  clock.advance(1_000);
  tree.stop();
}

function hashOf(balls: number): string {
  let digest = (): string => '';
  play((clock) => {
    const trace = traceHash(clock);
    digest = () => trace.digest();
    return trace.inspect;
  }, balls);
  return digest();
}

describe('inspection', () => {
  it('lines tell in the order of sending who got what from whom, and what became of it', async () => {
    const lines: string[] = [];
    play((clock) => lineInspector((line) => lines.push(line), clock));
    await Promise.resolve();
    const told = lines.filter((line) => !line.includes('xstate.init') && !line.includes('sup.restart'));
    expect(told).toEqual([
      '0.000 ann ← · ball   [ready → tired]',
      '0.000 bob ← ann ball   [ready → tired]',
      '0.000 ann ← bob ball   [tired → tired]',
      '0.005 bob ← bob xstate.after.breather.(machine).tired   [tired → ready]',
      '0.005 ann ← ann xstate.after.breather.(machine).tired   [tired → ready]',
      '0.010 bob ← · crash   [ready → error]',
      '0.010 root ← bob xstate.error.actor.bob   [running → running]',
      '1.010 root ← · sys.shutdown   [running → done]',
    ]);
  });

  it('the hash of a run depends on what happened, and on nothing else', () => {
    const first = hashOf(3);
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(hashOf(3)).toBe(first); // though XState numbered these actors differently
    expect(hashOf(4)).not.toBe(first);
  });

  it('an inspector that throws does not disturb the tree', () => {
    let calls = 0;
    play(() => () => {
      calls++;
      throw new Error('bad inspector');
    });
    expect(calls).toBeGreaterThan(10);
  });
});
