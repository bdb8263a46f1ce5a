/**
 * Our client against a stranger's worker, which is right in its own way, or wrong. Each case has a mesh of its own. Where the worker is
 * wrong, another one that has no free slot is there, too: it goes on with the request. About 10 s.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QMeshClient } from '../../support/built-client.js';
import { startTestnet, type Testnet } from '../../support/worker-process.js';
import { frameOfBytes } from './wire-client.js';
import { WireWorker, type Script } from './wire-worker.js';

let testnet: Testnet;
beforeAll(async () => {
  testnet = await startTestnet();
});
afterAll(() => testnet.destroy());

let meshes = 0;

/** What a client hears who asks in a mesh of these workers. */
async function ask(workers: readonly { script: Script; status?: object; greets?: boolean }[], patienceMs?: number) {
  const network = `case-${++meshes}`;
  const there = workers.map((worker) => new WireWorker({ bootstrap: testnet.nodes, network, ...worker }));
  await Promise.all(there.map(({ announced }) => announced));
  const client = await QMeshClient.connect({ bootstrap: { kind: 'nodes', nodes: testnet.nodes }, network });
  try {
    await expect.poll(() => (workers[0]?.greets === false ? there.length : client.workers().length)).toBe(there.length);
    const request = { prompt: 'hi', ...(patienceMs === undefined ? {} : { patienceMs }) };
    const stream = client.stream(request);
    let streamed = '';
    const reading = (async () => {
      for await (const { text } of stream) streamed += text;
    })().catch(() => {});
    const answer = await stream.result.then(
      (whole) => ({ ...whole, code: undefined }),
      (error: unknown) => error as { readonly code: string; readonly text: string },
    );
    await reading;
    expect(streamed).toBe(answer.text);
    return { answer, prompts: there.map(({ prompts }) => prompts) };
  } finally {
    await client.close();
    await Promise.all(there.map((worker) => worker.close()));
  }
}

describe.concurrent('a stranger that is right in its own way is understood', () => {
  it.each<[how: string, script: Script, says: object, status?: object]>([
    [
      'tokens of none or several, with more in them, between types that nobody knows',
      ({ say, token, result }) => {
        say({ type: 'brand_new', id: 7 });
        token(0, '', { tokens: 0 });
        token(1, 'a b c', { tokens: 3, logprobs: [1] });
        token(2, '');
        token(3, ' d');
        result('a b c d', { later: true });
      },
      { text: 'a b c d', finishReason: 'stop' },
    ],
    ['the result alone', ({ result }) => result('whole'), { text: 'whole' }],
    [
      'no time of the first token, and a null wherever something may be left away',
      ({ token, result }) => {
        token(0, 'x');
        result('x', { timing: { queuedMs: 0.5, totalMs: 2.5 }, toolCalls: null, check: null, receipt: null });
      },
      { text: 'x', timing: { queuedMs: 0.5, firstTokenMs: null, totalMs: 2.5 } },
    ],
    ['a receipt that is none', ({ result }) => result('x', { receipt: { a: 1 } }), { text: 'x', receipt: undefined }],
    [
      'a call of a tool',
      ({ result }) => result('', { finishReason: 'tool_calls', toolCalls: [{ name: 'f', arguments: [1], id: 'a' }] }),
      { text: '', finishReason: 'tool_calls', toolCalls: [{ name: 'f', arguments: [1] }] },
    ],
    [
      'a status of words and numbers beyond belief',
      ({ result }) => result('x'),
      { text: 'x' },
      {
        health: { score: 1, state: 'meditating', capacity: 1, note: null },
        performance: { avgResponseMs: 1e300, tokensPerSecond: 1e300 },
        slots: { total: Number.MAX_SAFE_INTEGER, busy: 0 },
        queue: { length: 0, capacity: 0 },
      },
    ],
    [
      'a code that nobody knows',
      ({ error }) => error('moon_phase', { message: 'y'.repeat(5_000) }),
      { code: 'moon_phase', message: 'y'.repeat(1_024) },
    ],
  ])('%s', async (_, script, says, status = {}) => {
    const { answer } = await ask([{ script, status }]);
    expect(answer).toMatchObject(says);
  });
});

describe.concurrent('a stranger that is wrong is left, and the next one goes on', () => {
  const soFar = 'so far, ';
  const busy = { slots: { total: 1, busy: 1 } };
  const goesOn: Script = ({ prompt, token, result }) => {
    const text = prompt.resume?.text === soFar ? 'so good' : 'from the beginning';
    token(0, text);
    result(text);
  };

  it.each<[how: string, code: string, script: Script]>([
    ['a token is missing', 'bad_answer', ({ token }) => token(2, 'x')],
    ['the result is not what the tokens said', 'bad_answer', ({ result }) => result('x')],
    ['a token has no number', 'bad_answer', ({ token }) => token('one', 'x')],
    ['the result lacks something', 'bad_answer', ({ result }) => result(soFar, { usage: 5 })],
    ['a longer frame than there may be', 'worker_lost', ({ bytes }) => bytes(Uint8Array.of(0, 0x10, 0, 1))],
    ['no JSON', 'worker_lost', ({ bytes }) => bytes(frameOfBytes(Buffer.from('nonsense')))],
    ['it hangs up', 'worker_lost', ({ hangUp }) => setTimeout(hangUp, 100)],
    ['it falls silent', 'worker_silent', () => {}],
    ['half a frame', 'worker_silent', ({ bytes }) => bytes(Uint8Array.of(0, 0, 1, 0, 0x7b))],
    ['an error that another may not have', 'internal', ({ error }) => error('internal', { retryable: true })],
  ])('%s', async (_, code, script) => {
    const wrong: Script = (asked) => {
      asked.token(0, soFar);
      script(asked);
    };
    const { answer, prompts } = await ask([{ script: wrong }, { script: goesOn, status: busy }]);
    expect(answer).toMatchObject({ text: `${soFar}so good`, tries: [{ failure: { code } }, { failure: undefined }] });
    expect(prompts.map(({ length }) => length)).toEqual([1, 1]);
  });

  it('what comes after its end, and of requests that nobody made, is not heard', async () => {
    const script: Script = ({ say, token, result }) => {
      say({ type: 'inference_token', id: 'other', index: 0, text: 'not ', tokens: 1 });
      token(0, 'once');
      result('once');
      result('twice');
      token(1, 'thrice');
    };
    const { answer } = await ask([{ script }]);
    expect(answer).toMatchObject({ code: undefined, text: 'once' });
  });

  it('one that never says how it is is not asked', async () => {
    const { answer, prompts } = await ask([{ script: goesOn, greets: false }], 1_500);
    expect(answer).toMatchObject({ code: 'no_worker' });
    expect(prompts).toEqual([[]]);
  });
});
