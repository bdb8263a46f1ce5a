/** Models fetched from a hub that breaks in every way a hub can: on loopback, through real sockets. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fetchFromHttp, type HttpFetchOptions } from '../../../src/actors/models/http-fetch.js';
import { addressOf } from '../../../src/actors/models/model-address.js';
import { throttleAt, unlimited } from '../../../src/actors/models/throttle.js';
import { systemClock } from '../../../src/runtime/clock.js';
import type { Random } from '../../../src/runtime/random.js';
import { ModelHub } from '../../support/model-hub.js';
import { closeMesh, mebibyte, newFolder } from '../../support/model-mesh.js';
import { until } from '../../support/real-network.js';

const uri = 'hf:user/repository/model-q4.gguf';
const path = '/user/repository/resolve/main/model-q4.gguf';
const file = Buffer.concat([Buffer.from('GGUF'), randomBytes(6 * mebibyte + 321)]);
const limits = { answerMs: 800, silenceMs: 800, slowMs: 1_500, slowBytes: 64 * 1024 };
/** Waits are half as long as they can be. */
const random: Random = { next: () => 0, bytes: (length) => new Uint8Array(length) };

let hub: ModelHub;
let part: string;

beforeEach(async () => {
  hub = await new ModelHub(file).open();
  part = join(newFolder(), 'model.part');
});

afterEach(async () => {
  await hub.close();
  await closeMesh();
});

interface End {
  readonly done?: { readonly sha256: string | undefined };
  readonly failed?: string;
  readonly retries: readonly string[];
}

function start(options: Partial<HttpFetchOptions> = {}) {
  const retries: string[] = [];
  let bytes = 0;
  let fetch!: { cancel(): void };
  const end = new Promise<End>((resolve) => {
    fetch = fetchFromHttp(
      {
        address: addressOf(uri, hub.endpoint),
        partPath: part,
        bytes: file.length,
        token: undefined,
        download: unlimited,
        clock: systemClock,
        random,
        limits,
        ...options,
      },
      {
        progress: (now) => (bytes = now.bytes),
        retrying: (reason) => retries.push(reason),
        done: (done) => resolve({ done, retries }),
        failed: (error) => resolve({ failed: error.message, retries }),
      },
    );
  });
  return { end, retries, cancel: () => fetch.cancel(), bytes: () => bytes };
}

const arrived = (): boolean => readFileSync(part).equals(file);

describe('a model from a hub', () => {
  it('comes whole, by the path that hubs use', async () => {
    expect(await start().end).toEqual({ done: { sha256: undefined }, retries: [] });
    expect(arrived()).toBe(true);
    expect(hub.seen.map((request) => request.path)).toEqual([path]);
  });

  it.each([
    ['is reset in the middle', { resetAfter: 2 * mebibyte }],
    ['ends too early', { endAfter: 2 * mebibyte }],
    ['stops sending', { stopAfter: 2 * mebibyte }],
    ['drips', { dripAfter: 2 * mebibyte }],
  ])('goes on from where the connection %s', async (_, fault) => {
    hub.faults = [fault];
    const { done, retries } = await start().end;
    expect(done).toBeDefined();
    expect(retries).toHaveLength(1);
    expect(arrived()).toBe(true);
    expect(hub.seen[1]?.range).toMatch(/^bytes=\d+-$/);
    // a reset takes with it what had arrived and was not read yet
    expect(hub.bytesSent).toBeLessThan(file.length * 1.4);
  });

  it.each([
    ['answers 500', { status: 500 }, 'answered 500'],
    ['answers 429 with a time', { status: 429, retryAfter: '0' }, 'answered 429'],
    ['never answers', 'never answers' as const, 'did not answer within 1 s'],
  ])('is tried again where the hub %s', async (_, fault, words) => {
    hub.faults = [fault];
    const { done, retries } = await start().end;
    expect(done).toBeDefined();
    expect(retries).toEqual([expect.stringContaining(words)]);
    expect(arrived()).toBe(true);
  });

  it('is given up after six tries that bring nothing', async () => {
    hub.faults = Array.from({ length: 10 }, () => ({ status: 503, retryAfter: '0' }));
    const { failed, retries } = await start().end;
    expect(failed).toContain('answered 503; tried 6 times');
    expect(retries).toHaveLength(5);
  });

  it.each([
    ['does not have it', [{ status: 404 }], 'does not exist (404)'],
    ['wants a licence accepted', [{ status: 403 }], 'HF_TOKEN'],
    ['sends in circles', Array.from({ length: 9 }, () => ({ redirect: path })), 'more than 5 times'],
    ['sends to a host without encryption', [{ redirect: 'http://example.com/x.gguf' }], 'without encryption'],
  ])('is given up at once where the hub %s', async (_, faults, words) => {
    hub.faults = faults;
    const { failed, retries } = await start().end;
    expect(failed).toContain(words);
    expect(retries).toEqual([]);
  });

  it('is refused where it is a web page, before it is fetched', async () => {
    hub.file = Buffer.concat([Buffer.from('<html>'), Buffer.alloc(file.length - 6)]);
    expect((await start().end).failed).toContain('is it a web page?');
    expect(statSync(part).size).toBe(0);
  });

  it('is refused where its length is another one', async () => {
    expect((await start({ bytes: file.length + 1 }).end).failed).toContain(`has a file of ${file.length} bytes`);
    expect(statSync(part).size).toBe(0);
  });

  it('goes on in the next process, unless the file became another one there', async () => {
    hub.faults = [{ stopAfter: 3 * mebibyte }];
    const first = start();
    await until(() => first.bytes() === 3 * mebibyte, 'half of it');
    first.cancel();
    await new Promise((resolve) => setTimeout(resolve, 50));
    hub.faults = [{ stopAfter: mebibyte }];
    const second = start();
    await until(() => second.bytes() === 4 * mebibyte, 'one more mebibyte');
    second.cancel();
    expect(hub.seen[1]?.range).toBe(`bytes=${3 * mebibyte}-`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    hub.file = Buffer.concat([Buffer.from('GGUF'), randomBytes(file.length - 4)]);
    expect((await start().end).done).toBeDefined();
    expect(readFileSync(part).equals(hub.file)).toBe(true);
  });

  it('needs no request where all of it had arrived before', async () => {
    await start().end;
    expect((await start().end).done).toBeDefined();
    expect(hub.seen).toHaveLength(1);
  });

  it('begins anew where the hub knows no ranges', async () => {
    hub.faults = [{ resetAfter: 2 * mebibyte }, 'ignores ranges'];
    expect((await start().end).done).toBeDefined();
    expect(arrived()).toBe(true);
  });

  it.each([
    ['another part than was asked for', { status: 206, headers: { 'content-range': 'bytes 5-9/10' }, body: 'GGUFx' }],
    ['a part in packed form', { status: 206, headers: { 'content-encoding': 'gzip' }, body: 'x' }],
    ['that there is no such part', { status: 416, headers: { 'content-range': 'bytes */7' }, body: 'Out of range' }],
  ])('begins anew where the hub answers %s', async (_, { body, ...odd }) => {
    hub.faults = [{ resetAfter: 2 * mebibyte }, { answers: () => ({ ...odd, body: Buffer.from(body) }) }];
    expect((await start().end).done).toBeDefined();
    expect(arrived()).toBe(true);
    expect(hub.seen.map(({ range }) => range !== undefined)).toEqual([false, true, false]);
  });

  it('is known to be all there where the server had not said how much that is, and has no more', async () => {
    const headers = { etag: '"whole"' };
    hub.faults = [{ answers: () => ({ status: 200, headers, body: file }) }];
    await start({ bytes: undefined }).end;
    const end = { 'content-range': `bytes */${file.length}` };
    hub.faults = [{ answers: () => ({ status: 416, headers: end, body: Buffer.from('no more') }) }];
    expect((await start({ bytes: undefined }).end).done).toBeDefined();
    expect(arrived()).toBe(true);
  });

  it('is unpacked where the server packs it unasked', async () => {
    const headers = { 'content-encoding': 'gzip', etag: '"packed"' };
    hub.faults = [{ answers: () => ({ status: 200, headers, body: gzipSync(file, { level: 1 }) }) }];
    expect(await start({ bytes: undefined }).end).toEqual({ done: { sha256: undefined }, retries: [] });
    expect(arrived()).toBe(true);
  });

  it('is not begun where the server says that it has more bytes than there is room for', async () => {
    const asked: number[] = [];
    const whyNot = (bytes: number) => Promise.resolve(asked.push(bytes) > 0 ? 'the disk is too small' : undefined);
    expect(await start({ bytes: undefined, whyNot }).end).toEqual({ failed: 'the disk is too small', retries: [] });
    expect(asked).toEqual([file.length]);
    expect(statSync(part).size).toBe(0);
  });

  it('begins anew over a part of which nobody knows what it is', async () => {
    writeFileSync(part, 'left by something else');
    expect((await start().end).done).toBeDefined();
    expect(arrived()).toBe(true);
    expect(existsSync(`${part}.json`)).toBe(true);
  });

  it('gives the token to the hub, not to whom the hub sends us, and takes the hub at its word for the hash', async () => {
    const store = await new ModelHub(file).open();
    hub.faults = [{ redirect: `${store.endpoint}/blob` }];
    hub.linkedSha256 = 'ab'.repeat(32);
    expect((await start({ token: 'secret' }).end).done).toEqual({ sha256: 'ab'.repeat(32) });
    expect(hub.seen.map(({ authorization }) => authorization)).toEqual(['Bearer secret']);
    expect(store.seen.map(({ authorization }) => authorization)).toEqual([undefined]);
    await store.close();
  });

  it('never tells the token in an error', async () => {
    hub.faults = [{ status: 401 }];
    expect((await start({ token: 'secret-token' }).end).failed).not.toContain('secret-token');
  });

  it('is fetched no faster than the limit', async () => {
    const startMs = performance.now();
    await start({ download: throttleAt(6 * mebibyte, systemClock) }).end;
    expect(performance.now() - startMs).toBeGreaterThan(700); // 1 s, less what may run ahead
  });
});

describe('an address', () => {
  it('is that of a hub, or of the one that HF_ENDPOINT names, or itself', () => {
    expect(addressOf(uri, undefined).href).toBe(`https://huggingface.co${path}`);
    expect(addressOf(uri, 'https://hub.example/').href).toBe(`https://hub.example${path}`);
    expect(addressOf('https://example.com/a.gguf', 'https://hub.example').href).toBe('https://example.com/a.gguf');
  });

  it.each([
    ...['http://example.com/a.gguf', 'hf:user/a.gguf', 'hf:user/repository:Q4_K_M', 'ftp://example.com/a.gguf', 'model'],
    'hf:user/repository/large-00001-of-00003.gguf',
  ])('is not %s', (wrong) => expect(() => addressOf(wrong, undefined)).toThrow(wrong));

  it('has no password in it, and the refusal does not say which', () =>
    expect(() => addressOf('https://me:secret@example.com/a.gguf', undefined)).toThrow(/^(?!.*secret).*password/));
});
