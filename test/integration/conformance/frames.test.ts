/** A stranger's client against a real worker: bytes, frames, and messages that do not fit. About 20 s. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Account, Mesh, frame, frameOfBytes, patiently, type WireClient } from './wire-client.js';
import { DialledWorker } from './dialled-worker.js';

const maxFrameBytes = 1_048_576;

let worker: DialledWorker;
/** Connected throughout: whatever others do to the worker, this one is served. */
let bystander: WireClient;

beforeAll(async () => {
  worker = await DialledWorker.start({ QMESH_SLOTS: '2' });
  const apart = new Mesh(worker.mesh.bootstrap);
  bystander = await apart.dial(worker.workerId, new Account(worker.process.ownerSeed));
  return async () => {
    await apart.destroy();
    await worker.stop();
  };
});
afterEach(() => worker.closeClients());

const dial = () => worker.dialAsOwner();
const count = (id: string, more: object = {}) => ({
  id,
  prompt: 'count from 5',
  options: { maxTokens: 3, temperature: 0 },
  ...more,
});
const answered = '6 7 8';

let asked = 0;
async function expectServed(client: WireClient): Promise<void> {
  const { end } = await client.ask(count(`served-${++asked}`));
  expect(end).toMatchObject({ type: 'inference_result', text: answered });
}

/** A prompt whose frame has exactly this many bytes, by a field that nobody knows. */
function promptOfBytes(bytes: number, id: string): Buffer {
  const prompt = { v: 2, type: 'prompt', ...count(id), filler: '' };
  return frame({ ...prompt, filler: 'x'.repeat(bytes - Buffer.byteLength(JSON.stringify(prompt))) });
}

describe('finding a worker', () => {
  it('through its topic, where the handshake proves its ID and the first frame is a status', async () => {
    const client = await worker.mesh.find();
    expect(client.workerId).toBe(worker.workerId);
    const [first] = client.received;
    expect(first?.message).toMatchObject({
      v: 2,
      type: 'status',
      workerId: worker.workerId,
      health: { score: expect.any(Number), state: expect.any(String), capacity: expect.any(Number) },
      queue: { length: 0, capacity: expect.any(Number) },
      slots: { total: 2, busy: 0 },
      uptimeMs: expect.any(Number),
      agent: expect.any(String),
    });
    const [model] = first?.message.models as Record<string, unknown>[];
    expect(model).toMatchObject({ name: expect.any(String), sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(model).toMatchObject({ bytes: expect.any(Number), contextSize: expect.any(Number) });
    expect(Math.abs((first?.message.at as number) - Date.now())).toBeLessThan(60_000);
    const end = await patiently(() => client.askAsGuest(count('found')));
    expect(end).toMatchObject({ type: 'inference_result', text: answered });
  });
});

describe('frames', () => {
  it('may come in single bytes', async () => {
    const client = await dial();
    for (const byte of frame({ v: 2, type: 'prompt', ...count('bytes') })) client.sendBytes(Uint8Array.of(byte));
    expect((await client.answer('bytes')).end).toMatchObject({ text: answered });
  });

  it('may come many at once, each cut anywhere', async () => {
    const client = await dial();
    const ids = ['a', 'b', 'c', 'd', 'e'];
    const bytes = Buffer.concat(ids.map((id) => frame({ v: 2, type: 'prompt', ...count(id) })));
    client.sendBytes(bytes.subarray(0, bytes.length - 7));
    client.sendBytes(bytes.subarray(bytes.length - 7));
    for (const id of ids) expect((await client.answer(id)).end).toMatchObject({ text: answered });
  });

  it('may have 1,048,576 bytes', async () => {
    const client = await dial();
    client.sendBytes(promptOfBytes(maxFrameBytes, 'largest'));
    expect((await client.answer('largest')).end).toMatchObject({ text: answered });
  });

  const text = (body: string) => frameOfBytes(Buffer.from(body, 'utf8'));
  const deep = (depth: number) => `{"v":2,"type":"later","a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
  it.each<[why: string, bytes: () => Buffer]>([
    ['one byte more than the largest', () => promptOfBytes(maxFrameBytes + 1, 'x')],
    ['a length above the limit, before the body comes', () => Buffer.from([0x00, 0x10, 0x00, 0x01])],
    ['a length of 4 GiB', () => Buffer.from([0xff, 0xff, 0xff, 0xff])],
    ['a length of 0', () => Buffer.from([0, 0, 0, 0])],
    [
      'bytes that are not UTF-8',
      () => frameOfBytes(Buffer.concat([Buffer.from('{"v":2,"type":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')])),
    ],
    ['text that is not JSON', () => text('{"v":2,"type":"cancel","id":"a"')],
    ['JSON that is not an object', () => text('[{"v":2,"type":"cancel","id":"a"}]')],
    ['null', () => text('null')],
    ['a nesting of 33', () => text(deep(33))],
    ['a nesting of half a million', () => text(deep(500_000))],
    ['a byte order mark', () => text('\ufeff{"v":2,"type":"later"}')],
  ])('end the connection, and no other: %s', async (_, bytes) => {
    const client = await dial();
    client.sendBytes(bytes());
    await client.closed;
    await expectServed(bystander);
  });

  it('may nest 32 deep', async () => {
    const client = await dial();
    client.sendBytes(text(deep(32)));
    await expectServed(client);
  });

  it('may not stay incomplete for more than 10 s, however steadily they trickle; a status comes every 5 s meanwhile', async () => {
    const [stalled, trickling, idle] = await Promise.all([dial(), dial(), dial()]);
    const startMs = Date.now();
    stalled.sendBytes(Buffer.from([0, 0]));
    const bytes = frame({ v: 2, type: 'prompt', ...count('slow') });
    let sent = 0;
    const trickle = setInterval(() => trickling.sendBytes(bytes.subarray(sent, ++sent)), 400);
    const lasted = (client: WireClient) => client.closed.then(() => Date.now() - startMs);
    const lastedMs = await Promise.all([lasted(stalled), lasted(trickling)]);
    clearInterval(trickle);
    for (const ms of lastedMs) {
      expect(ms).toBeGreaterThan(9_000);
      expect(ms).toBeLessThan(20_000);
    }
    expect(idle.isClosed).toBe(false);
    const statuses = idle.received.filter(({ message }) => message.type === 'status');
    expect(statuses.length).toBeGreaterThanOrEqual(2);
    await expectServed(idle);
  });
});

describe('messages that do not fit', () => {
  it.each<[field: string, prompt: object]>([
    ['prompt', {}],
    ['prompt', { prompt: 'x', messages: [{ role: 'user', content: 'x' }] }],
    ['prompt', { prompt: 7 }],
    ['messages', { messages: [] }],
    ['messages[0].content', { messages: [{ role: 'user' }] }],
    ['model', { prompt: 'x', model: 1 }],
    ['options.maxTokens', { prompt: 'x', options: { maxTokens: 0 } }],
    ['options.temperature', { prompt: 'x', options: { temperature: 'warm' } }],
    ['options.topP', { prompt: 'x', options: { topP: 2 } }],
    ['options.stop', { prompt: 'x', options: { stop: 'x' } }],
    ['options.jsonSchema', { prompt: 'x', options: { jsonSchema: [] } }],
    ['deadlineMs', { prompt: 'x', deadlineMs: -1 }],
    ['resume', { prompt: 'x', resume: 'text' }],
    ['stream', { prompt: 'x', stream: 'no' }],
  ])('get a bad_request that names %s', async (field, fields) => {
    const client = await dial();
    const { end } = await client.ask({ id: 'bad', ...fields });
    expect(end).toMatchObject({ type: 'inference_error', id: 'bad', code: 'bad_request', retryable: false });
    expect(end.message).toContain(field);
    await expectServed(client);
  });

  it('get no answer where the id cannot be read, and the connection goes on', async () => {
    const client = await dial();
    for (const id of ['', 'x'.repeat(65), 'a b', 'ä', 5, null, {}]) client.prompt({ ...count('x'), id });
    client.send({ v: 2, type: 'cancel', id: '../..' });
    client.send({ v: 2, type: 'receipt_ack', id: 'a', ack: {} });
    client.send({ v: 2 });
    client.send({});
    await expectServed(client);
    const ids = new Set(client.received.map(({ message }) => message.id as unknown).filter((id) => id !== undefined));
    expect([...ids]).toEqual([`served-${asked}`]);
  });

  it('are ignored if their type or fields are unknown, or only a worker sends them', async () => {
    const client = await dial();
    client.send({ v: 2, type: 'later', id: 'a' });
    client.send({ v: 7, type: 'much_later' });
    client.send({ v: 2, type: 'constructor' });
    client.send({ v: 2, type: 'inference_token', id: 'a', index: 0, text: 'x', tokens: 1 });
    client.sendBytes(frameOfBytes(Buffer.from('{"__proto__":{"type":"prompt"},"v":2,"type":"later"}')));
    const { end } = await client.ask({
      ...count('extra'),
      later: { a: [1] },
      options: { maxTokens: 3, temperature: 0, later: true },
    });
    expect(end).toMatchObject({ type: 'inference_result', text: answered });
  });

  it('get unsupported_version for a prompt of another version', async () => {
    const client = await dial();
    client.send({ v: 1, type: 'prompt', ...count('old') });
    expect((await client.answer('old')).end).toMatchObject({ code: 'unsupported_version', retryable: false });
    await expectServed(client);
  });
});
