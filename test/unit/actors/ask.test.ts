/** One request over real attempts and a real directory, with workers that the test plays. */
import { createActor } from 'xstate';
import { describe, expect, it } from 'vitest';
import { askInput, createAsk, type AskCallbacks, type AskRequest } from '../../../src/actors/ask.actor.js';
import { WorkerDirectory } from '../../../src/actors/ask/worker-directory.js';
import type { AskAnswer } from '../../../src/actors/ask/answer.js';
import type { AskFailure } from '../../../src/machines/ask.js';
import { limits } from '../../../src/protocol/limits.js';
import type { InferenceMessage, StatusMessage } from '../../../src/protocol/messages.js';
import { seededRandom } from '../../../src/runtime/random.js';
import { VirtualClock } from '../../../src/runtime/virtual-clock.js';
import { FakeConnection } from './fake-connection.js';
import { statusOf } from './status.js';

const offer = (name: string, letter = 'a') => ({
  name,
  sha256: letter.repeat(64),
  bytes: 1,
  contextSize: 512,
  capabilities: [],
});

function meshOf(...workers: string[]) {
  const clock = new VirtualClock();
  const directory = new WorkerDirectory(clock);
  const connections = new Map(workers.map((worker) => [worker, new FakeConnection(worker)]));
  const join = (worker: string, says?: Partial<StatusMessage>): FakeConnection => {
    const connection = connections.get(worker) ?? new FakeConnection(worker);
    connections.set(worker, connection);
    directory.connect(connection);
    directory.heard(worker, statusOf(worker, { models: [offer('counter')], ...says }));
    return connection;
  };
  for (const worker of workers) join(worker);
  const ask = (request: Partial<AskRequest> = {}, callbacks: Partial<AskCallbacks> = {}) => {
    const heard: { text: string; ends: { answer: AskAnswer; failure: AskFailure | undefined }[]; gone: number } = {
      text: '',
      ends: [],
      gone: 0,
    };
    const deps = {
      clock,
      random: seededRandom(1),
      directory,
      solver: { solve: () => () => {} },
      account: 'mine',
      fallback: undefined,
      wallet: undefined,
    };
    const whole = { prompt: 'hi', ...request };
    const on: AskCallbacks = {
      text: (text) => (heard.text += text),
      end: (answer, failure) => heard.ends.push({ answer, failure }),
      ...callbacks,
    };
    const actor = createActor(
      createAsk(deps, whole, on, () => heard.gone++),
      { clock, input: askInput(deps, whole) },
    );
    actor.subscribe({ error: () => {} });
    actor.start();
    return { ...heard, heard, actor };
  };
  const written = (worker: string): InferenceMessage[] => connections.get(worker)?.written ?? [];
  const idAt = (worker: string): string =>
    (written(worker).findLast(({ type }) => type === 'prompt') as { id: string }).id;
  const says = {
    position: (worker: string, position: number, id = idAt(worker)) =>
      directory
        .answering(worker, id)
        ?.position({ v: 2, type: 'queue_status', id, position, length: position, tier: 'guest', estimatedWaitMs: 100 }),
    token: (worker: string, index: number, text: string, id = idAt(worker)) =>
      directory.answering(worker, id)?.token({ v: 2, type: 'inference_token', id, index, text, tokens: 1 }),
    result: (worker: string, text: string, id = idAt(worker)) =>
      directory.answering(worker, id)?.result(
        {
          v: 2,
          type: 'inference_result',
          id,
          text,
          model: { name: 'counter', sha256: 'a'.repeat(64) },
          usage: { promptTokens: 1, completionTokens: 1 },
          timing: { queuedMs: 0, firstTokenMs: 0, totalMs: 0 },
          finishReason: 'stop',
        },
        () => undefined,
      ),
    unreadable: (worker: string, problem: string, id = idAt(worker)) =>
      directory.answering(worker, id)?.unreadable(problem),
    error: (worker: string, code: string, id = idAt(worker)) =>
      directory
        .answering(worker, id)
        ?.error({ v: 2, type: 'inference_error', id, code, message: 'refused', retryable: false }),
  };
  /** Time passes, and whoever owes something keeps the connection alive. */
  const pass = (ms: number): void => {
    for (let left = ms; left > 0; left -= 50) {
      clock.advance(50);
      for (const worker of connections.keys()) directory.spoke(worker);
    }
  };
  return { clock, directory, join, ask, written, idAt, says, pass };
}

const typesOf = (messages: readonly InferenceMessage[]): string[] => messages.map(({ type }) => type);

it.each([
  [1e12, limits.maxDeadlineMs],
  [500, 500],
  [0, 1],
])('a deadline of %d ms is told in a form that any worker takes', (deadlineMs, told) => {
  const mesh = meshOf('w');
  mesh.ask({ deadlineMs });
  expect(mesh.written('w').at(-1)).toMatchObject({ type: 'prompt', deadlineMs: told });
});

describe('a request that waits in a line', () => {
  it('moves to a worker with a free slot, and what the one before still says is not heard', () => {
    const mesh = meshOf('busy');
    const failovers: unknown[] = [];
    const { heard } = mesh.ask({}, { failedOver: (from) => failovers.push(from) });
    mesh.says.position('busy', 1);
    mesh.pass(200);
    mesh.join('idle');
    expect(typesOf(mesh.written('busy'))).toEqual(['prompt']);
    const old = mesh.idAt('busy');
    mesh.pass(100);
    expect(mesh.written('busy').at(-1)).toMatchObject({ type: 'cancel', id: old });
    expect(typesOf(mesh.written('idle'))).toEqual(['prompt']);
    // The cancel crosses the first token, and the whole answer.
    mesh.says.token('busy', 0, 'twice', old);
    mesh.says.result('busy', 'twice', old);
    mesh.says.token('idle', 0, 'once');
    mesh.says.result('idle', 'once');
    expect(heard.text).toBe('once');
    expect(heard.ends).toMatchObject([
      {
        failure: undefined,
        answer: { text: 'once', tries: [{ worker: 'busy', failure: { code: 'moved' } }, { worker: 'idle' }] },
      },
    ]);
    expect(failovers).toEqual([]);
    expect(heard.gone).toBe(1);
    expect(mesh.directory.candidates().map(({ circuit }) => circuit)).toEqual([undefined, undefined]);
  });

  it('does not go back where it was, nor where no slot is free, nor once text has come', () => {
    const mesh = meshOf('first');
    mesh.ask();
    mesh.says.position('first', 1);
    mesh.join('full', { slots: { total: 1, busy: 1 } });
    mesh.pass(1_000);
    expect(typesOf(mesh.written('full'))).toEqual([]);
    mesh.join('second');
    mesh.pass(250);
    mesh.says.position('second', 2);
    mesh.directory.heard('first', statusOf('first'));
    mesh.pass(250);
    expect(typesOf(mesh.written('first'))).toEqual(['prompt', 'cancel']);
    mesh.says.token('second', 0, 'text');
    mesh.join('third');
    mesh.pass(500);
    expect(typesOf(mesh.written('third'))).toEqual([]);
  });

  it('stays where it is pinned', () => {
    const mesh = meshOf('pinned');
    mesh.ask({ pin: 'pinned' });
    mesh.says.position('pinned', 1);
    mesh.join('idle');
    mesh.pass(500);
    expect(typesOf(mesh.written('pinned'))).toEqual(['prompt']);
  });
});

describe('a request for a model', () => {
  it('that no worker serves ends soon after they are known, and says what they serve', () => {
    const mesh = meshOf('one', 'other');
    mesh.join('other', { models: [offer('counter'), offer('talker')] });
    const { heard } = mesh.ask({ model: 'nope' });
    mesh.clock.advance(1_900);
    expect(heard.ends).toEqual([]);
    mesh.clock.advance(200);
    expect(heard.ends).toMatchObject([
      { failure: { code: 'model_not_found', message: 'No worker here serves nope; they serve counter, talker.' } },
    ]);
  });

  it('waits out its patience while there is nobody, or one that is still loading', () => {
    for (const models of [undefined, []]) {
      const mesh = meshOf();
      if (models !== undefined) mesh.join('loading', { models });
      const { heard } = mesh.ask({ model: 'talker' });
      mesh.clock.advance(9_000);
      expect(heard.ends).toEqual([]);
      mesh.join('late', { models: [offer('talker')] });
      mesh.clock.advance(200);
      expect(typesOf(mesh.written('late'))).toEqual(['prompt']);
    }
  });
});

it('an answer that has begun goes on with the model that it began with, and with no other', () => {
  const mesh = meshOf('first');
  const { heard } = mesh.ask();
  mesh.says.token('first', 0, 'half ');
  mesh.join('other', { models: [offer('talker', 'b'), offer('counter', 'c')] });
  mesh.directory.disconnect('first');
  mesh.pass(2_000);
  expect(typesOf(mesh.written('other'))).toEqual([]);
  mesh.join('same', { models: [offer('talker', 'b'), offer('counter', 'a')] });
  mesh.pass(200);
  expect(mesh.written('same')).toMatchObject([{ type: 'prompt', model: 'a'.repeat(64), resume: { text: 'half ' } }]);
  mesh.says.result('same', 'whole');
  expect(heard.text).toBe('half whole');

  const fresh = meshOf('first');
  fresh.ask();
  fresh.join('other', { models: [offer('talker', 'b')] });
  fresh.directory.disconnect('first');
  fresh.pass(200);
  expect(fresh.written('other')).toMatchObject([{ type: 'prompt' }]); // nothing had come: any will do
});

it('an error in what the application is told by fails its request, which is cancelled, and not the connection', () => {
  const mesh = meshOf('w1');
  const { heard } = mesh.ask(
    {},
    {
      position: () => {
        throw new Error('of the application');
      },
    },
  );
  expect(() => mesh.says.position('w1', 0)).not.toThrow();
  expect(heard.ends).toMatchObject([{ failure: { code: 'internal' } }]);
  expect(typesOf(mesh.written('w1'))).toEqual(['prompt', 'cancel']);
  expect(heard.gone).toBe(1);
});

describe('a request that names no model', () => {
  const offers = (name: string, sha256: string) => ({ models: [{ ...offer(name), sha256 }] });
  const [counter, evens] = [offers('counter', 'c'.repeat(64)), offers('evens', 'e'.repeat(64))];

  it('is gone on with by the model that has begun it, and by no other', () => {
    const mesh = meshOf();
    mesh.join('w1', counter);
    const { heard } = mesh.ask();
    mesh.says.token('w1', 0, '1 2');
    mesh.join('w2', evens);
    mesh.directory.disconnect('w1');
    mesh.clock.advance(1_000);
    expect(mesh.written('w2')).toEqual([]);
    mesh.join('w3', counter);
    mesh.clock.advance(200);
    expect(mesh.written('w3')).toMatchObject([{ model: 'c'.repeat(64), resume: { text: '1 2' } }]);
    mesh.says.result('w3', ' 3');
    expect(heard.text).toBe('1 2 3');
  });

  it('takes any other as long as there is no text, also where a worker has just given up its first model', () => {
    const mesh = meshOf();
    mesh.join('w1', counter);
    mesh.ask();
    mesh.join('w2', evens);
    mesh.says.error('w1', 'model_not_found');
    mesh.clock.advance(200);
    expect(mesh.written('w2')).toMatchObject([{ model: 'e'.repeat(64) }]);
  });
});

it('a request that names no model goes elsewhere where its worker has just given up its first one', () => {
  const offers = (name: string, sha256: string) => ({ models: [{ ...offer(name), sha256 }] });
  const mesh = meshOf();
  mesh.join('w1', offers('counter', 'c'.repeat(64)));
  mesh.ask();
  mesh.join('w2', offers('evens', 'e'.repeat(64)));
  mesh.says.error('w1', 'model_not_found');
  mesh.clock.advance(200);
  expect(mesh.written('w2')).toMatchObject([{ model: 'e'.repeat(64) }]);
});

it('a worker that says more than any result could hold is left, and told so', () => {
  const mesh = meshOf('endless');
  const { heard } = mesh.ask();
  const half = 'x'.repeat(600_000);
  mesh.says.token('endless', 0, half);
  mesh.says.token('endless', 1, half);
  expect(heard.text).toBe(half);
  expect(mesh.written('endless').at(-1)?.type).toBe('cancel');
});

it('a character that comes in halves is heard whole, and another worker goes on before it', () => {
  const mesh = meshOf('first');
  const pieces: string[] = [];
  const { heard } = mesh.ask({}, { text: (text) => pieces.push(text) });
  for (const [index, text] of ['a', '\ud83d', '\ude00b', 'c\ud83d'].entries()) mesh.says.token('first', index, text);
  mesh.says.unreadable('first', 'text: must be a string');
  mesh.pass(1_000);
  expect(mesh.written('first').at(-1)).toMatchObject({ type: 'prompt', resume: { text: 'a😀bc' } });
  mesh.says.result('first', '😀\ud83d');
  expect(pieces).toEqual(['a', '', '😀b', 'c', '😀', '\ud83d']);
  expect(heard.ends).toMatchObject([{ failure: undefined, answer: { text: pieces.join('') } }]);
});

describe('an answer that cannot be read', () => {
  it('is taken from the next worker, after what was read of it; and is said to be that where there is none', () => {
    const mesh = meshOf('first');
    const { heard } = mesh.ask();
    mesh.join('second');
    mesh.says.token('first', 0, 'so far');
    mesh.says.unreadable('first', 'usage: must be an object');
    mesh.pass(1_000);
    expect(mesh.written('first').at(-1)).toMatchObject({ type: 'cancel' });
    expect(mesh.written('second')).toMatchObject([{ type: 'prompt', resume: { text: 'so far' } }]);
    mesh.says.result('second', ', so good');
    expect(heard.ends).toMatchObject([
      {
        failure: undefined,
        answer: {
          text: 'so far, so good',
          tries: [{ failure: { code: 'bad_answer', message: expect.stringContaining('usage: must be') } }, {}],
        },
      },
    ]);
  });

  it('is not gone on with where it is longer than a request can be: that is not held against the request', () => {
    const mesh = meshOf('first');
    const { heard } = mesh.ask();
    mesh.says.token('first', 0, 'x'.repeat(limits.maxFrameBytes));
    mesh.says.token('first', 1, 'x');
    mesh.pass(1_000);
    expect(heard.ends).toMatchObject([{ failure: { code: 'worker_lost' } }]);
  });
});
