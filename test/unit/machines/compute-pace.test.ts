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
  it('starts with the maximum of threads, and tells its number to each process that becomes ready', () => {
    const pace = stage(paceMachine, { cores: 4, maxThreads: 3 });
    expect(pace.effects().map(({ name, context }) => [name, context.pace])).toMatchObject([
      ['setThreads', { threads: 3 }],
    ]);
    pace.send(engineUsed(2), engineUsed(2), { type: 'engine.ready' });
    expect(pace.effects().map(({ context }) => context.pace)).toMatchObject([{ threads: 2 }, { threads: 2 }]);
  });

  it('lowers and raises while the engine computes, and reports only changes', () => {
    const pace = paced(working);
    pace.send(engineUsed(0), engineUsed(1), engineUsed(1), engineUsed(1));
    expect(pace.did()).toEqual(['setThreads']);
    expect(threadsOf(pace)).toBe(3);
    for (let ms = 0; ms <= raiseAfterMs; ms += 400) pace.send(engineUsed(0));
    expect(pace.did()).toEqual(['setThreads']);
    expect(threadsOf(pace)).toBe(4);
  });

  it('uses only the engine’s own samples while it computes, since the machine’s include the engine', () => {
    const pace = paced(machineUsed(0), working);
    for (let i = 0; i < 10; i++) {
      pace.clock.advance(400);
      pace.send(engineUsed(0), machineUsed(4));
    }
    expect(pace.did()).toEqual([]);
    expect(pace.state).toBe('computing');
  });

  it('uses the machine’s samples while the engine rests, from the first that excludes its work', () => {
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

  it('runs no timer while idle, and stops in every state', () => {
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
