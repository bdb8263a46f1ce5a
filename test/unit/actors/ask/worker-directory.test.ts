import { describe, expect, it } from 'vitest';
import { WorkerDirectory, type AnswerSink } from '../../../../src/actors/ask/worker-directory.js';
import { limits } from '../../../../src/protocol/limits.js';
import type { PromptMessage } from '../../../../src/protocol/messages.js';
import { allows } from '../../../../src/rules/circuit.js';
import { VirtualClock } from '../../../../src/runtime/virtual-clock.js';
import { FakeConnection } from '../fake-connection.js';
import { statusOf } from '../status.js';

const prompt = (id: string): PromptMessage => ({ v: 2, type: 'prompt', id, prompt: 'hi' });

interface Heard extends AnswerSink {
  losses: number;
  silences: number;
  returns: number;
  listenedMs: number;
}

function sink(): Heard {
  const heard: Heard = {
    losses: 0,
    silences: 0,
    returns: 0,
    listenedMs: 0,
    position() {},
    token() {},
    result() {},
    error() {},
    unreadable() {},
    listened: (elapsedMs) => (heard.listenedMs += elapsedMs),
    fellSilent: () => heard.silences++,
    spoke: () => heard.returns++,
    lost: () => heard.losses++,
  };
  return heard;
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
    directory.heard('w2', statusOf('w2'));
    directory.ask('w2', prompt('a'), sink());
    directory.ask('w2', prompt('b'), sink());
    directory.forget('w2', 'a');
    expect(directory.candidates()).toMatchObject([{ worker: 'w2', heardAtMs: 70, inFlight: 1 }]);
    directory.heard('stranger', statusOf('stranger'));
    expect(directory.candidates()).toHaveLength(1);
  });

  it('carries prompts and cancels to the worker they are for, and finds who waits for the answer', () => {
    const { directory, connections } = directoryWith('w1', 'w2');
    const waiting = sink();
    expect(directory.ask('w2', prompt('a'), waiting)).toBe(true);
    directory.send('w2', { v: 2, type: 'cancel', id: 'a' });
    expect(connections[1]!.written.map(({ type }) => type)).toEqual(['prompt', 'cancel']);
    expect(connections[0]!.written).toEqual([]);
    expect(directory.answering('w2', 'a')).toBe(waiting);
    expect(directory.answering('w1', 'a')).toBeUndefined(); // an id answers only where it was asked
    directory.forget('w2', 'a');
    expect(directory.answering('w2', 'a')).toBeUndefined();
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

  it('counts what its status does not show yet: until the worker has spoken of it, and its status came after that', () => {
    const { directory } = directoryWith('w1');
    const inFlight = (): number | undefined => directory.candidates()[0]?.inFlight;
    directory.heard('w1', statusOf('w1'));
    directory.ask('w1', prompt('a'), sink());
    directory.heard('w1', statusOf('w1')); // made before the prompt got there
    expect(inFlight()).toBe(1);
    directory.answering('w1', 'a');
    directory.ask('w1', prompt('b'), sink());
    expect(inFlight()).toBe(2);
    directory.heard('w1', statusOf('w1'));
    expect(inFlight()).toBe(1);
    directory.answering('w1', 'a');
    directory.forget('w1', 'b');
    expect(inFlight()).toBe(0);
  });

  it('does not offer a worker that does not read what it is sent', () => {
    const { directory, connections } = directoryWith('w1');
    directory.heard('w1', statusOf('w1'));
    connections[0]!.unsentBytes = limits.maxUnsentBytes - limits.maxFrameBytes;
    expect(directory.candidates()).toHaveLength(1);
    connections[0]!.unsentBytes++;
    expect(directory.candidates()).toEqual([]);
  });
});

it('opens the circuit of a worker that failed three times in a row, also over its connections, and tries it with one', () => {
  const { clock, directory } = directoryWith('w1');
  const isOffered = (): boolean =>
    directory.candidates().some(({ circuit }) => circuit === undefined || allows(circuit, clock.monotonicMs()));
  directory.heard('w1', statusOf('w1'));
  for (const id of ['a', 'b', 'c']) {
    directory.ask('w1', prompt(id), sink());
    expect(isOffered()).toBe(true);
    directory.forget('w1', id, 'failed');
  }
  directory.disconnect('w1');
  directory.connect(new FakeConnection('w1'));
  directory.heard('w1', statusOf('w1'));
  expect(isOffered()).toBe(false);
  clock.advance(1_000);
  expect(isOffered()).toBe(true);
  directory.ask('w1', prompt('probe'), sink());
  expect(isOffered()).toBe(false);
  directory.forget('w1', 'probe', 'answered');
  expect(directory.candidates()).toMatchObject([{ circuit: undefined }]);
});

describe('the watch over silence', () => {
  /** A directory with one worker that has said who it is, and one request there. */
  function waiting(promptText = 'hi') {
    const stood = directoryWith('w1');
    stood.directory.heard('w1', statusOf('w1'));
    const a = sink();
    stood.directory.ask('w1', { ...prompt('a'), prompt: promptText }, a);
    return { ...stood, a };
  }
  const keepAlive = ({ clock, directory }: ReturnType<typeof waiting>, everyMs: number, forMs: number): void => {
    for (let ms = 0; ms < forMs; ms += everyMs) {
      clock.advance(everyMs);
      directory.spoke('w1');
    }
  };

  it('finds a worker silent after 750 ms, says so once, and does not offer it; a byte takes it all back', () => {
    const { clock, directory, a } = waiting();
    const b = sink();
    directory.ask('w1', prompt('b'), b);
    clock.advance(750);
    expect([a.silences, directory.candidates().length]).toEqual([0, 1]);
    clock.advance(150);
    expect([a.silences, b.silences, directory.candidates().length]).toEqual([1, 1, 0]);
    clock.advance(2_000);
    directory.spoke('w1');
    directory.spoke('w1');
    expect([a.silences, a.returns, b.returns, directory.candidates().length]).toEqual([1, 1, 1, 1]);
  });

  it.each([true, false])(
    'ends the connection after 3 s of silence, whether the request is still there: %s',
    (isThere) => {
      const { clock, directory, connections, a } = waiting();
      clock.advance(1_000);
      if (!isThere) directory.forget('w1', 'a', 'failed'); // another worker goes on with it
      clock.advance(1_900);
      expect([connections[0]!.isDestroyed, a.losses]).toEqual([false, 0]);
      clock.advance(300);
      expect(connections[0]!.isDestroyed).toBe(true);
      directory.disconnect('w1', connections[0]);
      expect(a.losses).toBe(isThere ? 1 : 0);
      clock.advance(100);
      expect(clock.pending).toBe(0);
    },
  );

  it('has no complaint about a worker that speaks every 250 ms, and tells the requests how long it listened', () => {
    const stood = waiting();
    keepAlive(stood, 250, 60_000);
    expect(stood.a.silences).toBe(0);
    expect(stood.a.listenedMs).toBe(60_000);
  });

  it('expects nothing of a worker that owes nothing', () => {
    const { clock, directory, a } = waiting();
    directory.forget('w1', 'a');
    clock.advance(10_000);
    expect(clock.pending).toBe(0);
    directory.ask('w1', prompt('c'), a);
    clock.advance(750);
    expect([a.silences, directory.candidates().length]).toEqual([0, 1]);
  });

  it('bears longer gaps from a worker that has just had some', () => {
    const stood = waiting();
    keepAlive(stood, 600, 3_000);
    stood.clock.advance(1_700);
    expect(stood.a.silences).toBe(0);
    stood.clock.advance(300);
    expect(stood.a.silences).toBe(1);
    const calm = waiting();
    keepAlive(calm, 600, 3_000);
    keepAlive(calm, 100, 12_000); // long ago
    calm.clock.advance(1_000);
    expect(calm.a.silences).toBe(1);
  });

  it('gives a long prompt the time to arrive', () => {
    const { clock, a } = waiting('x'.repeat(200_000));
    clock.advance(3_500);
    expect(a.silences).toBe(0);
    clock.advance(1_000);
    expect(a.silences).toBe(1);
  });

  it('judges nobody by the time in which this client itself stood still, nor before it has read what came meanwhile', () => {
    // A clock whose owner sleeps: time passes, and no timer fires until it wakes.
    const inner = new VirtualClock();
    let sleptMs = 0;
    const clock = {
      now: () => inner.now() + sleptMs,
      monotonicMs: () => inner.monotonicMs() + sleptMs,
      setTimeout: inner.setTimeout.bind(inner),
      clearTimeout: inner.clearTimeout.bind(inner),
      onWake: inner.onWake.bind(inner),
    };
    const directory = new WorkerDirectory(clock);
    directory.connect(new FakeConnection('w1'));
    const a = sink();
    directory.ask('w1', prompt('a'), a);
    for (let nap = 0; nap < 8; nap++) {
      inner.advance(49);
      sleptMs += 30_000;
      inner.advance(1);
    }
    inner.advance(250);
    expect(a.silences).toBe(0);
    inner.advance(40); // suspected by now, or nearly; what was in the socket is read
    directory.spoke('w1');
    inner.advance(700);
    expect(a.silences).toBe(0);
    inner.advance(1_600); // three times the gap before, in all
    expect(a.silences).toBe(1);
  });
});
