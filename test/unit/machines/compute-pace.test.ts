import { describe, expect, it } from 'vitest';
import { paceMachine } from '../../../src/machines/pace.machine.js';
import { raiseAfterMs } from '../../../src/rules/pace.js';
import { stage, untaken, type Staged } from './stage.js';

const engineUsed = (othersCores: number, windowMs = 400) => ({
  type: 'engine.used',
  sample: { windowMs, othersCores },
});
const machineUsed = (othersCores: number) => ({ type: 'machine.used', sample: { windowMs: 2_000, othersCores } });
const working = { type: 'engine.working' };

function paced(...events: { type: string }[]): Staged {
  const pace = stage(paceMachine, { cores: 4, maxThreads: 4 });
  pace.send(...events);
  pace.did();
  return pace;
}
const threadsOf = ({ context }: Staged): unknown => (context.pace as { threads: number }).threads;

describe('pace', () => {
  it('tells its engine the most threads on starting, and what it has to each process that is ready', () => {
    const pace = stage(paceMachine, { cores: 4, maxThreads: 3 });
    expect(pace.effects().map(({ name, context }) => [name, context.pace])).toMatchObject([
      ['setThreads', { threads: 3 }],
    ]);
    pace.send(engineUsed(2), engineUsed(2), { type: 'engine.ready' });
    expect(pace.effects().map(({ context }) => context.pace)).toMatchObject([{ threads: 2 }, { threads: 2 }]);
  });

  it('lowers while the engine computes, raises again, and says only what changes', () => {
    const pace = paced(working);
    pace.send(engineUsed(0), engineUsed(1), engineUsed(1), engineUsed(1));
    expect(pace.did()).toEqual(['setThreads']);
    expect(threadsOf(pace)).toBe(3);
    for (let ms = 0; ms <= raiseAfterMs; ms += 400) pace.send(engineUsed(0));
    expect(pace.did()).toEqual(['setThreads']);
    expect(threadsOf(pace)).toBe(4);
  });

  it('goes by the engine alone while that computes: of the machine it would see itself', () => {
    const pace = paced(machineUsed(0), working);
    for (let i = 0; i < 10; i++) {
      pace.clock.advance(400);
      pace.send(engineUsed(0), machineUsed(4));
    }
    expect(pace.did()).toEqual([]);
    expect(pace.state).toBe('computing');
  });

  it('goes by the machine while the engine rests, from the first sample on that holds nothing of it', () => {
    const pace = paced(working, engineUsed(0));
    pace.clock.advance(1_500);
    pace.send(machineUsed(4));
    expect(pace.did()).toEqual([]);
    pace.send(machineUsed(2));
    expect(pace.did()).toEqual(['setThreads']);
    expect(threadsOf(pace)).toBe(2);
    pace.send(machineUsed(0));
    expect(threadsOf(pace)).toBe(2);
    pace.send(machineUsed(0));
    expect(threadsOf(pace)).toBe(4);
  });

  it('waits for nothing while the machine rests, and stops when it is told to, everywhere', () => {
    for (const path of [[], [machineUsed(0)], [machineUsed(0), machineUsed(0)], [working]]) {
      const pace = paced(...path);
      if (path.every(({ type }) => type !== 'engine.working')) expect(pace.clock.pending).toBe(0);
      pace.send({ type: 'sys.shutdown' });
      expect(pace.isDone).toBe(true);
      expect(pace.clock.pending).toBe(0);
    }
  });

  it('has no transition that was not taken here', () => expect(untaken(paceMachine)).toEqual([]));
});
