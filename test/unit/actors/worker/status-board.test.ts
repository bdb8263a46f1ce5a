import { describe, expect, it } from 'vitest';
import { StatusBoard } from '../../../../src/actors/worker/status-board.js';
import { decodeMessage } from '../../../../src/protocol/decode.js';
import { VirtualClock } from '../../../../src/runtime/virtual-clock.js';

const model = (name: string) => ({ name, sha256: 'a'.repeat(64), bytes: 1, contextSize: 512, capabilities: [] });

function board() {
  const clock = new VirtualClock(1_000);
  const made = new StatusBoard({
    workerId: 'f'.repeat(64),
    agent: 'qmesh/test',
    clock,
    queueCapacity: 100,
    hasLedger: true,
  });
  const heard = { changes: 0, readies: 0 };
  made.onChange(() => heard.changes++);
  made.onReady(() => heard.readies++);
  return { clock, board: made, heard };
}

describe('the status board', () => {
  it('is a message of the protocol from the first moment on, before anybody has written to it', () => {
    const { clock, board: empty } = board();
    clock.advance(1_234);
    expect(decodeMessage({ ...empty.message() }).kind).toBe('message');
    expect(empty.message()).toMatchObject({ models: [], uptimeMs: 1_234, at: 2_234, slots: { total: 0, busy: 0 } });
  });

  it('tells of a change, and not of a write that says the same again', () => {
    const { board: written, heard } = board();
    const health = { score: 70, state: 'light', capacity: 80 } as const;
    written.write({ health });
    written.write({ health: { ...health } });
    written.write({ slots: { total: 2, busy: 1 } });
    written.write({});
    written.setModel(0, model('m'));
    written.setModel(0, { ...model('m') });
    written.setModel(1, undefined);
    expect(heard.changes).toBe(3);
    expect(written.message()).toMatchObject({ health, slots: { total: 2, busy: 1 } });
  });

  it('time alone is no change', () => {
    const { clock, board: idle, heard } = board();
    idle.write({});
    heard.changes = 0;
    clock.advance(60_000);
    idle.write({});
    expect(heard.changes).toBe(0);
  });

  it('lists models in the order in which the user named them, whichever is ready first', () => {
    const { board: serving, heard } = board();
    serving.setModel(2, model('third'));
    serving.setModel(0, model('first'));
    expect(serving.models.map(({ name }) => name)).toEqual(['first', 'third']);
    expect(heard.readies).toBe(2);
    serving.setModel(0, undefined);
    expect(serving.models.map(({ name }) => name)).toEqual(['third']);
    expect(heard.readies).toBe(2);
  });

  it('offers no capacity while the worker drains, and keeps its health for those who look', () => {
    const { board: draining } = board();
    draining.write({ draining: true });
    expect(draining.message().health).toEqual({ score: 100, state: 'idle', capacity: 0 });
    expect(draining.message()).not.toHaveProperty('draining');
  });

  it('offers no capacity while it is off duty, either', () => {
    const { board: resting } = board();
    resting.write({ duty: { state: 'paused', untilMs: 5 } });
    expect(resting.message().health).toEqual({ score: 100, state: 'idle', capacity: 0 });
    expect(resting.message()).not.toHaveProperty('duty');
    resting.write({ duty: { state: 'on_duty', untilMs: undefined } });
    expect(resting.message().health.capacity).toBe(100);
  });
});
