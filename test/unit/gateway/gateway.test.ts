/** Answers, refusals and ends of the gateway, before a mesh that does as a test says. */
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Gateway, GatewayOptions } from '../../../src/gateway/gateway.js';
import { VirtualClock } from '../../../src/runtime/virtual-clock.js';
import { gatewayBefore, hi, ScriptedMesh, type Asked } from './scripted-mesh.js';

let open: Gateway[] = [];
afterEach(async () => {
  await Promise.all(open.map((gateway) => gateway.close(0)));
  open = [];
});

const answering = (asked: Asked): void => asked.taken().say('he', 'llo').end();

async function post(
  mesh: ScriptedMesh,
  body: object,
  options: Partial<GatewayOptions> = {},
  path = '/v1/chat/completions',
) {
  const { app } = gatewayBefore(mesh, options);
  const headers = { host: '127.0.0.1' };
  const {
    statusCode,
    headers: told,
    body: text,
  } = await app.inject({ method: 'POST', url: path, headers, payload: body });
  return { status: statusCode, headers: told, text };
}

interface CallTold {
  readonly index: number;
  readonly function: { readonly name: string };
}

interface Whole {
  readonly choices: readonly { readonly message: { readonly tool_calls?: readonly CallTold[] } }[];
}

interface Chunk {
  readonly choices: readonly {
    readonly delta: { readonly tool_calls?: readonly CallTold[] };
    readonly finish_reason: string | null;
  }[];
}

const eventsIn = (text: string): unknown[] =>
  text
    .split('\n\n')
    .filter((block) => block.startsWith('data: {'))
    .map((block) => JSON.parse(block.slice('data: '.length)) as unknown);

async function listening(
  mesh: ScriptedMesh,
  options: Partial<GatewayOptions> = {},
): Promise<{ gateway: Gateway; port: number; url: string }> {
  const gateway = gatewayBefore(mesh, options);
  open.push(gateway);
  const { port } = await gateway.listen({ host: '127.0.0.1', port: 0 });
  return { gateway, port, url: `http://127.0.0.1:${port}/v1/chat/completions` };
}

const asJson = (body: object): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe('what fails in the mesh', () => {
  it.each([
    ['queue_full', 429, 7_001, '8'],
    ['overloaded', 429, undefined, '2'],
    ['rate_limited', 429, 60_000, '60'],
    ['no_worker', 503, undefined, '2'],
    ['deadline_exceeded', 504, undefined, undefined],
    ['worker_lost', 502, undefined, undefined],
    ['a_code_of_later', 502, undefined, undefined],
  ])('%s is a %i', async (code, status, retryAfterMs, retryAfter) => {
    for (const stream of [false, true]) {
      const mesh = new ScriptedMesh().does((asked) => asked.taken().fail(code, 'Why.', retryAfterMs));
      const told = await post(mesh, { ...hi, stream });
      expect(told.status).toBe(status);
      expect(told.headers['retry-after']).toBe(retryAfter);
      expect(told.headers['x-qmesh-tries']).toBe('1');
      expect(JSON.parse(told.text)).toMatchObject({ error: { message: 'Why.', param: null } });
    }
  });

  it('a model that nobody serves is a 404 with the name that was meant', async () => {
    const mesh = new ScriptedMesh().does((asked) => asked.fail('model_not_found'));
    const { status, text } = await post(mesh, { ...hi, model: 'lama-3' });
    expect(status).toBe(404);
    expect(JSON.parse(text)).toMatchObject({ error: { code: 'model_not_found', param: 'model' } });
    expect(text).toContain('did you mean llama-3?');
  });

  it('a field that a worker refuses has the name that the program gave it', async () => {
    const mesh = new ScriptedMesh().does((asked) => asked.fail('bad_request', 'tools[0].parameters.x: is bad'));
    const { text } = await post(mesh, { ...hi, tools: [{ type: 'function', function: { name: 'f' } }] });
    expect(JSON.parse(text)).toMatchObject({
      error: { param: 'tools[0].function.parameters.x', message: 'tools[0].function.parameters.x: is bad' },
    });
  });

  it('is an event where the stream has begun, and its last', async () => {
    const mesh = new ScriptedMesh().does((asked) => asked.taken().say('he').fail('worker_lost', 'Why.'));
    const { status, text } = await post(mesh, { ...hi, stream: true });
    expect(status).toBe(200);
    expect(eventsIn(text).at(-1)).toEqual({
      error: { message: 'Why.', type: 'server_error', param: null, code: 'worker_lost' },
    });
    expect(text).not.toContain('[DONE]');
  });

  it('ends the other choices, too', async () => {
    const mesh = new ScriptedMesh();
    mesh.does((asked) => (asked === mesh.asked[1] ? asked.fail('no_worker') : asked.taken().say('he')));
    expect((await post(mesh, { ...hi, n: 3 })).status).toBe(503);
    expect(mesh.asked.map(({ isCancelled }) => isCancelled)).toEqual([true, true, true]);
  });
});

describe('an answer', () => {
  it('counts the tokens of all workers that had a part in it', async () => {
    const mesh = new ScriptedMesh().does((asked) => {
      asked.taken('a'.repeat(64)).say('1', '2', '3', '4').taken('b'.repeat(64)).say('5').end();
    });
    const { headers, text } = await post(mesh, hi);
    expect(JSON.parse(text)).toMatchObject({ usage: { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 } });
    expect(headers).toMatchObject({ 'x-qmesh-worker': 'b'.repeat(64), 'x-qmesh-tries': '2' });
  });

  it('has the name of the model that was asked for, or else of the one that answered', async () => {
    const model = { name: 'qwen-2', sha256: '0'.repeat(64) };
    const mesh = new ScriptedMesh().does((asked) => asked.taken().say('hello').end({ model }));
    const named = async (body: object): Promise<unknown> => {
      const { text } = await post(mesh, body);
      return ((text.startsWith('{') ? JSON.parse(text) : eventsIn(text)[0]) as { model: string }).model;
    };
    expect(await named({ ...hi, model: 'llama-3' })).toBe('llama-3');
    expect(await named(hi)).toBe('qwen-2');
    expect(await named({ ...hi, stream: true })).toBe('llama-3'); // as that worker's status has it
  });

  it('of several choices streams them as they come, each under its index', async () => {
    const mesh = new ScriptedMesh().does(answering);
    const { text } = await post(mesh, { ...hi, n: 2, stream: true, stream_options: { include_usage: true } });
    const events = eventsIn(text) as {
      choices: { index: number; delta: { content?: string } }[];
      usage: object | null;
    }[];
    const said = (index: number): string =>
      events
        .flatMap(({ choices }) => choices.filter((choice) => choice.index === index))
        .map(({ delta }) => delta.content ?? '')
        .join('');
    expect([said(0), said(1)]).toEqual(['hello', 'hello']);
    expect(events.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 7, completion_tokens: 6 } });
    expect(events.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  });

  it('with a call of a tool has no text, and one that was cut short has no call', async () => {
    const tools = [{ type: 'function', function: { name: 'f' } }];
    const forced = { ...hi, tools, tool_choice: 'required' };
    const whole = new ScriptedMesh().does((asked) => asked.say('{"tool":"f","argu', 'ments":{"a":1}}').end());
    const message = {
      content: null,
      tool_calls: [{ type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
    };
    expect(JSON.parse((await post(whole, forced)).text)).toMatchObject({
      choices: [{ message, finish_reason: 'tool_calls' }],
    });
    const cut = new ScriptedMesh().does((asked) => asked.say('{"tool":"f","argu').end({ finishReason: 'length' }));
    const { choices } = JSON.parse((await post(cut, forced)).text) as { choices: { message: object }[] };
    expect(choices[0]).toMatchObject({ message: { content: '{"tool":"f","argu' }, finish_reason: 'length' });
    expect(choices[0]?.message).not.toHaveProperty('tool_calls');
  });

  it('may have several calls, of which a program that wants one at a time is told the first', async () => {
    const tools = [{ type: 'function', function: { name: 'f' } }];
    const toolCalls = ['f', 'g'].map((name) => ({ name, arguments: {} }));
    const mesh = new ScriptedMesh().does((asked) => asked.taken().end({ toolCalls, finishReason: 'tool_calls' }));
    const namesIn = (calls: readonly { readonly function: { readonly name: string } }[]): string[] =>
      calls.map((call) => call.function.name);
    for (const [isParallel, names] of [
      [true, ['f', 'g']],
      [false, ['f']],
    ]) {
      const asked = { ...hi, tools, parallel_tool_calls: isParallel };
      const { choices } = JSON.parse((await post(mesh, asked)).text) as Whole;
      expect(namesIn(choices[0]?.message.tool_calls ?? [])).toEqual(names);
      const chunks = eventsIn((await post(mesh, { ...asked, stream: true })).text) as Chunk[];
      const told = chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []);
      expect(namesIn(told)).toEqual(names);
      expect(told.map(({ index }) => index)).toEqual(told.map((_, at) => at));
      expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('tool_calls');
    }
  });

  it('says by a fingerprint which file of a model it is of', async () => {
    const mesh = new ScriptedMesh().does(answering);
    const seen = async (body: object) => {
      const { text } = await post(mesh, body);
      const answers = text.startsWith('{') ? [JSON.parse(text)] : eventsIn(text);
      return new Set((answers as { system_fingerprint: unknown }[]).map((answer) => answer.system_fingerprint));
    };
    expect(await seen({ ...hi, stream: true })).toEqual(new Set([`qmesh_${'0'.repeat(12)}`]));
    const model = { name: 'qwen-2', sha256: 'ab'.repeat(32) };
    mesh.does((asked) => asked.taken().end({ model }));
    expect(await seen(hi)).toEqual(new Set([`qmesh_${'ab'.repeat(6)}`]));
  });

  it('has deadlines, seeds and stops as they were asked for', async () => {
    const mesh = new ScriptedMesh().does(answering);
    await post(
      mesh,
      { ...hi, n: 2, seed: 5, stop: 'x', max_completion_tokens: 9, temperature: null },
      { deadlineMs: 42 },
    );
    expect(mesh.asked.map(({ request }) => request)).toEqual([
      { ...hi, deadlineMs: 42, options: { seed: 5, stop: ['x'], maxTokens: 9 } },
      { ...hi, deadlineMs: 42, options: { seed: 6, stop: ['x'], maxTokens: 9 } },
    ]);
  });
});

describe('a program that', () => {
  it.each([true, false])('closes its connection cancels what it asked, streamed: %s', async (stream) => {
    const mesh = new ScriptedMesh().does((asked) => asked.taken().say('he'));
    const { url } = await listening(mesh);
    const left = new AbortController();
    const asking = fetch(url, { ...asJson({ ...hi, n: 2, stream }), signal: left.signal });
    asking.catch(() => {}); // it is left
    if (stream) await asking;
    else await eventually(() => mesh.asked.length === 2);
    left.abort();
    await eventually(() => mesh.asked.every(({ isCancelled }) => isCancelled));
  });

  it('waits long hears a heartbeat, and then its answer', async () => {
    const clock = new VirtualClock();
    const mesh = new ScriptedMesh();
    const { url } = await listening(mesh, { clock });
    const asking = fetch(url, asJson({ ...hi, stream: true }));
    await eventually(() => mesh.asked.length === 1);
    let isTold = false;
    void asking.then(() => (isTold = true));
    await eventually(() => {
      clock.advance(10_000);
      return isTold;
    });
    const response = await asking; // the headers are there, and nothing else
    expect(response.status).toBe(200);
    mesh.asked[0]?.taken().say('hello').end();
    const text = await response.text();
    expect(text.startsWith(': waiting\n\n')).toBe(true);
    expect(text).toContain('"content":"hello"');
    expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
  });

  it('asks beyond what is answered at a time is told to come again; places are free once answers end', async () => {
    const mesh = new ScriptedMesh();
    const { url } = await listening(mesh, { maxChoicesOpen: 2 });
    const first = fetch(url, asJson({ ...hi, n: 2 }));
    await eventually(() => mesh.asked.length === 2);
    const refused = await fetch(url, asJson(hi));
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await (await fetch(url.replace('/chat/completions', '/models'))).json()).toMatchObject({ object: 'list' });
    mesh.asked.forEach(answering);
    await (await first).text();
    mesh.does(answering);
    expect((await fetch(url, asJson(hi))).status).toBe(200);
    expect((await fetch(url, asJson({ ...hi, n: 3 }))).status).toBe(429);
  });

  it('reads nothing holds up nobody else, and its request ends with its connection', async () => {
    const mesh = new ScriptedMesh().does((asked) => asked.taken().say('begun'));
    const { port, url } = await listening(mesh);
    const socket = await sending(port, { ...hi, stream: true });
    await eventually(() => mesh.asked.length === 1);
    socket.pause();
    const [asked] = mesh.asked;
    const big = 'x'.repeat(65_536);
    for (let i = 0; i < 400; i++) asked?.say(big);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(open[0]?.app.server.listening).toBe(true);
    mesh.does(answering);
    expect((await fetch(url, asJson(hi))).status).toBe(200);
    socket.destroy();
    await eventually(() => asked?.isCancelled === true);
  });

  it('reads nothing for too long is cut off, and its request with it; one that reads is not', async () => {
    const mesh = new ScriptedMesh().does((asked) => asked.taken().say('begun'));
    const { port } = await listening(mesh, { stalledReaderMs: 400 });
    const sockets = [await sending(port, { ...hi, stream: true }), await sending(port, { ...hi, stream: true })];
    await eventually(() => mesh.asked.length === 2);
    const [stalled, reading] = mesh.asked;
    sockets[0]?.pause();
    sockets[1]?.resume();
    const line = 'x'.repeat(65_536);
    for (let i = 0; i < 400; i++) stalled?.say(line);
    const talk = setInterval(() => reading?.say(line), 20);
    await eventually(() => stalled?.isCancelled === true);
    clearInterval(talk);
    expect(reading?.isCancelled).toBe(false);
    for (const socket of sockets) socket.destroy();
  });
});

describe('a path that is not here', () => {
  it.each([
    ['GET', '/v1/chat/completions', 405, 'POST', 'use POST'],
    ['DELETE', '/v1/models/llama-3', 405, 'GET, HEAD', 'use GET'],
    ['PUT', '/v1/models/', 405, 'GET, HEAD', 'use GET'],
    ['POST', '/chat/completions', 404, undefined, 'did you mean /v1/chat/completions?'],
    ['POST', '/v1/v1/chat/completions', 404, undefined, 'did you mean /v1/chat/completions?'],
    ['GET', '/models', 404, undefined, 'did you mean /v1/models?'],
    ['POST', '/v1/audio/speech', 404, undefined, 'it has /v1/chat/completions'],
    ['POST', '/v1/embeddings', 404, undefined, 'Workers do not make embeddings'],
  ] as const)('%s %s', async (method, url, status, allow, message) => {
    const { app } = gatewayBefore(new ScriptedMesh());
    const { statusCode, headers, body } = await app.inject({ method, url, headers: { host: '127.0.0.1' } });
    expect([statusCode, headers.allow]).toEqual([status, allow]);
    expect(JSON.parse(body)).toMatchObject({
      error: { message: expect.stringContaining(message), type: 'invalid_request_error', param: null },
    });
  });

  it('has no trouble with a slash at its end', async () => {
    const { app } = gatewayBefore(new ScriptedMesh());
    const { statusCode, body } = await app.inject({ url: '/v1/models/', headers: { host: '127.0.0.1' } });
    expect([statusCode, (JSON.parse(body) as { object: string }).object]).toEqual([200, 'list']);
  });
});

describe('stopping', () => {
  it('lets the open answers end, and takes no new ones', async () => {
    const mesh = new ScriptedMesh().does((asked) => asked.taken().say('he'));
    const { gateway, url } = await listening(mesh);
    const response = await fetch(url, asJson({ ...hi, stream: true }));
    const closing = gateway.close(10_000);
    mesh.asked[0]?.say('llo').end();
    expect(await response.text()).toContain('[DONE]');
    await closing;
    await expect(fetch(url, asJson(hi))).rejects.toThrow();
  });

  it('ends what lasts longer with an error that says so', async () => {
    const mesh = new ScriptedMesh().does((asked) => asked.taken().say('he'));
    const { gateway, url } = await listening(mesh);
    const streamed = await fetch(url, asJson({ ...hi, stream: true }));
    const whole = fetch(url, asJson(hi));
    await eventually(() => mesh.asked.length === 2);
    await gateway.close(0);
    expect(eventsIn(await streamed.text()).at(-1)).toMatchObject({ error: { code: 'shutting_down' } });
    expect((await whole).status).toBe(503);
    expect(mesh.asked.every(({ isCancelled }) => isCancelled)).toBe(true);
  });
});

/** A request whose answer is not read unless the test does. */
function sending(port: number, body: object): Promise<Socket> {
  const text = JSON.stringify(body);
  const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n`;
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(head + text);
      resolve(socket);
    });
    socket.on('error', () => {});
  });
}
