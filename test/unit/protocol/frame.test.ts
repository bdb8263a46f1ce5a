import { describe, expect, it } from 'vitest';
import { FrameDecoder, FrameTooLargeError, encodeFrame, type FrameOutcome } from '../../../src/protocol/frame.js';
import { limits } from '../../../src/protocol/limits.js';

const object = (value: object): FrameOutcome => ({ kind: 'object', value: value as Record<string, unknown> });
const refusal = (reason: string) => ({ kind: 'refusal', reason });

/** A frame around bytes that encodeFrame would never write. */
function rawFrame(body: string | Uint8Array): Buffer {
  const bytes = Buffer.from(body as Uint8Array);
  const header = Buffer.alloc(4);
  header.writeUInt32BE(bytes.length);
  return Buffer.concat([header, bytes]);
}

const nested = (depth: number): string => '{"a":'.repeat(depth - 1) + '{}' + '}'.repeat(depth - 1);

describe('encodeFrame', () => {
  it('counts bytes, not characters', () => {
    const frame = encodeFrame({ text: 'é🦆' });
    const body = Buffer.from('{"text":"é🦆"}', 'utf8');
    expect(Buffer.from(frame)).toEqual(Buffer.concat([Buffer.from([0, 0, 0, body.length]), body]));
  });

  it('writes the largest legal frame, and refuses to write one byte more', () => {
    const filler = limits.maxFrameBytes - '{"t":""}'.length;
    expect(encodeFrame({ t: 'x'.repeat(filler) })).toHaveLength(limits.maxFrameBytes + 4);
    expect(() => encodeFrame({ t: 'x'.repeat(filler + 1) })).toThrow(FrameTooLargeError);
    expect(() => encodeFrame({ t: 'x' }, 8)).toThrow('a message of 9 bytes does not fit a frame of at most 8');
  });
});

describe('FrameDecoder', () => {
  it('reads a frame that arrives in single bytes', () => {
    const decoder = new FrameDecoder();
    const frame = encodeFrame({ a: 'ü', b: [1, 2] });
    const outcomes = [...frame].flatMap((byte) => decoder.push(Uint8Array.of(byte)));
    expect(outcomes).toEqual([object({ a: 'ü', b: [1, 2] })]);
    expect(decoder.partial).toBe(false);
  });

  it('reads many frames from one chunk, and keeps the start of the next', () => {
    const decoder = new FrameDecoder();
    const frames = [1, 2, 3].map((n) => encodeFrame({ n }));
    const next = encodeFrame({ n: 4 });
    expect(decoder.push(Buffer.concat([...frames, next.subarray(0, 6)]))).toEqual([1, 2, 3].map((n) => object({ n })));
    expect(decoder.partial).toBe(true);
    expect(decoder.bufferedBytes).toBe(6);
    expect(decoder.frameCount).toBe(3);
    expect(decoder.push(next.subarray(6))).toEqual([object({ n: 4 })]);
  });

  it('does not touch the chunks it was given, nor see them change afterwards', () => {
    const decoder = new FrameDecoder();
    const frame = encodeFrame({ text: 'kept' });
    const chunk = Buffer.from(frame.subarray(0, 9));
    decoder.push(chunk);
    expect(chunk).toEqual(Buffer.from(frame.subarray(0, 9)));
    chunk.fill(0);
    expect(decoder.push(frame.subarray(9))).toEqual([object({ text: 'kept' })]);
  });

  it('reads the largest legal frame', () => {
    const decoder = new FrameDecoder();
    const text = 'x'.repeat(limits.maxFrameBytes - '{"t":""}'.length);
    expect(decoder.push(encodeFrame({ t: text }))).toEqual([object({ t: text })]);
  });

  it.each([
    ['length_zero', Buffer.from([0, 0, 0, 0])],
    ['too_large', Buffer.from([0x00, 0x10, 0x00, 0x01])],
    ['too_large', Buffer.from([0xff, 0xff, 0xff, 0xff])],
    ['not_utf8', rawFrame(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]))],
    ['not_utf8', rawFrame(Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]))], // a surrogate
    ['not_utf8', rawFrame(Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc0, 0x80]), Buffer.from('"}')]))], // an overlong NUL
    ['not_json', rawFrame('{"a":}')],
    ['not_json', rawFrame('{} {}')],
    ['not_json', rawFrame('\ufeff{}')],
    ['not_json', rawFrame('{"a":NaN}')],
    ['not_object', rawFrame('[]')],
    ['not_object', rawFrame('null')],
    ['not_object', rawFrame('"text"')],
    ['not_object', rawFrame('7')],
    ['too_deep', rawFrame(nested(33))],
    ['too_deep', rawFrame('{"a":' + '['.repeat(500_000) + ']'.repeat(500_000) + '}')],
    ['too_deep', rawFrame('['.repeat(1_000_000))],
  ])('refuses %s', (reason, bytes) => {
    expect(new FrameDecoder().push(bytes)).toEqual([refusal(reason)]);
    const decoder = new FrameDecoder();
    const inPieces = [bytes.subarray(0, 3), bytes.subarray(3, 5), bytes.subarray(5)].flatMap((piece) =>
      decoder.push(piece),
    );
    expect(inPieces).toEqual([refusal(reason)]);
  });

  it('refuses a length before anything is buffered for it', () => {
    const decoder = new FrameDecoder({ maxFrameBytes: 100 });
    expect(decoder.push(Buffer.from([0, 0, 0, 101]))).toEqual([refusal('too_large')]);
    expect(decoder.bufferedBytes).toBe(0);
  });

  it('is dead after a refusal, and delivers what came before it', () => {
    const decoder = new FrameDecoder();
    const good = encodeFrame({ ok: true });
    expect(decoder.push(Buffer.concat([good, rawFrame('nonsense'), good]))).toEqual([
      object({ ok: true }),
      refusal('not_json'),
    ]);
    expect(decoder.push(good)).toEqual([]);
    expect(decoder.partial).toBe(false);
    expect(decoder.bufferedBytes).toBe(0);
  });

  it('allows a nesting of 32, and brackets and quotes inside strings', () => {
    const deep = nested(32);
    expect(new FrameDecoder().push(rawFrame(deep))).toEqual([object(JSON.parse(deep) as object)]);
    const tricky = { text: '[{'.repeat(100) + '\\"'.repeat(50), '"[[': '\\' };
    expect(new FrameDecoder().push(encodeFrame(tricky))).toEqual([object(tricky)]);
  });

  it('lets no __proto__ key change any prototype', () => {
    const [outcome] = new FrameDecoder().push(
      rawFrame('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'),
    );
    expect(outcome?.kind).toBe('object');
    expect(Object.getPrototypeOf((outcome as { value: object }).value)).toBe(Object.prototype);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});
