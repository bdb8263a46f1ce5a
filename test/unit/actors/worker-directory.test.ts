import { describe, expect, it } from 'vitest';
import { WorkerDirectory, type AnswerSink } from '../../../src/actors/worker-directory.js';
import type { PromptMessage, StatusMessage } from '../../../src/protocol/messages.js';
import { VirtualClock } from '../../../src/runtime/virtual-clock.js';
import { FakeConnection } from './fake-connection.js';

const status = (workerId: string): StatusMessage => ({
  v: 2,
  type: 'status',
  workerId,
  models: [],
  health: { score: 100, state: 'idle', capacity: 100 },
  queue: { length: 0, capacity: 10 },
  slots: { total: 1, busy: 0 },
  performance: { avgResponseMs: null, tokensPerSecond: null },
  uptimeMs: 0,
  agent: 'test',
  at: 0,
});
const prompt = (id: string): PromptMessage => ({ v: 2, type: 'prompt', id, prompt: 'hi' });

function sink(): AnswerSink & { losses: number } {
  return {
    losses: 0,
    position() {},
    token() {},
    result() {},
    error() {},
    lost: function () {
      this.losses++;
    },
  };
}

function directoryWith(...workers: string[]) {
  const clock = new VirtualClock();
  const directory = new WorkerDirectory(clock);
  const connections = workers.map((worker) => new FakeConnection(worker));
  for (const connection of connections) directory.connect(connection);
  return { clock, directory, connections };
}

describe('the directory of workers', () => {
  it('offers those that have said who they are, with when that was and what they have of ours', () => {
    const { clock, directory } = directoryWith('w1', 'w2');
    expect(directory.candidates()).toEqual([]);
    clock.advance(70);
    directory.heard('w2', status('w2'));
    directory.ask('w2', prompt('a'), sink());
    directory.ask('w2', prompt('b'), sink());
    directory.forget('w2', 'a');
    expect(directory.candidates()).toMatchObject([{ worker: 'w2', heardAtMs: 70, inFlight: 1 }]);
    directory.heard('stranger', status('stranger'));
    expect(directory.candidates()).toHaveLength(1);
  });

  it('carries prompts and cancels to the worker they are for, and finds who waits for the answer', () => {
    const { directory, connections } = directoryWith('w1', 'w2');
    const waiting = sink();
    expect(directory.ask('w2', prompt('a'), waiting)).toBe(true);
    directory.send('w2', { v: 2, type: 'cancel', id: 'a' });
    expect(connections[1]!.written.map(({ type }) => type)).toEqual(['prompt', 'cancel']);
    expect(connections[0]!.written).toEqual([]);
    expect(directory.sink('w2', 'a')).toBe(waiting);
    expect(directory.sink('w1', 'a')).toBeUndefined(); // an id answers only where it was asked
    directory.forget('w2', 'a');
    expect(directory.sink('w2', 'a')).toBeUndefined();
    expect(directory.ask('gone', prompt('b'), waiting)).toBe(false);
    directory.send('gone', { v: 2, type: 'cancel', id: 'b' });
  });

  it('tells each request once that its worker is lost, and only those of that worker', () => {
    const { directory } = directoryWith('w1', 'w2');
    const [a, b, c] = [sink(), sink(), sink()];
    directory.ask('w1', prompt('a'), a);
    directory.ask('w1', prompt('b'), b);
    directory.ask('w2', prompt('c'), c);
    directory.forget('w1', 'b');
    directory.disconnect('w1');
    directory.disconnect('w1');
    expect([a.losses, b.losses, c.losses]).toEqual([1, 0, 0]);
    expect(directory.ask('w1', prompt('d'), a)).toBe(false);
  });

  it('a worker dialled anew replaces its old connection, whose late end changes nothing', () => {
    const { directory, connections } = directoryWith('w1');
    const [before, after] = [sink(), sink()];
    directory.ask('w1', prompt('a'), before);
    const again = new FakeConnection('w1');
    directory.connect(again);
    directory.ask('w1', prompt('b'), after);
    directory.disconnect('w1', connections[0]);
    expect([before.losses, after.losses]).toEqual([1, 0]);
    expect(again.written).toHaveLength(1);
    directory.disconnect('w1', again);
    expect(after.losses).toBe(1);
  });

  it('says when a worker speaks or goes, so that a waiting request looks again', () => {
    const { directory } = directoryWith('w1');
    let changes = 0;
    directory.onChange(() => changes++);
    directory.heard('w1', status('w1'));
    directory.disconnect('w1');
    directory.disconnect('w1');
    expect(changes).toBe(2);
  });
});
