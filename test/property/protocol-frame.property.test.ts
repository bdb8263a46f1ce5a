import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameDecoder, encodeFrame, type FrameOutcome } from '../../src/protocol/frame.js';
import { isSoak } from '../support/soak.js';

/**
 * The codec under arbitrary bytes, damage and chunkings. Cases are grouped: each run of fast-check makes one byte stream
 * and then `variants` damaged versions of it, each decoded whole and in pieces. 10^5 variants in the normal run, 10^7 with
 * QMESH_SOAK=1.
 */
const variants = 50;
const numRuns = (isSoak ? 10_000_000 : 100_000) / variants;
const timeoutMs = isSoak ? 3_600_000 : 120_000;

/** Small, so that streams often cross it, and lengths just above and below it occur. */
const maxFrameBytes = 512;

const jsonObject = fc.dictionary(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.jsonValue({ maxDepth: 3, stringUnit: 'binary' }),
  {
    maxKeys: 4,
  },
);
/** As the other side will see it: JSON has no -0, and no undefined. */
const overTheWire = (value: object): object => JSON.parse(JSON.stringify(value)) as object;

const frames = fc
  .array(jsonObject, { minLength: 1, maxLength: 4 })
  .map((objects) => Buffer.concat(objects.map((object) => encodeFrame(object))));
const header = fc.integer({ min: 0, max: maxFrameBytes + 2 }).map((n) => Buffer.from([0, 0, n >> 8, n & 255]));
const notAlwaysObject = fc.jsonValue({ maxDepth: 1 }).map((value) => encodeFrame(value as object));
const framedGarbage = fc.tuple(header, fc.uint8Array({ maxLength: 64 })).map((parts) => Buffer.concat(parts));
const garbage = fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes));
const deep = fc.integer({ min: 25, max: 40 }).map((depth) => {
  const body = '{"a":'.repeat(depth - 1) + '{}' + '}'.repeat(depth - 1);
  return Buffer.concat([Buffer.from([0, 0, body.length >> 8, body.length & 255]), Buffer.from(body)]);
});
const stream = fc
  .array(fc.oneof({ weight: 4, arbitrary: frames }, notAlwaysObject, framedGarbage, garbage, deep), {
    minLength: 1,
    maxLength: 3,
  })
  .map((parts) => Buffer.concat(parts));

/** A cheap stream of numbers from one drawn seed (xorshift32): drawing each through fast-check would cost more than the test. */
function numbers(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function damage(bytes: Buffer, next: (below: number) => number): Buffer {
  const copy = Buffer.from(bytes);
  for (let changes = next(4); changes > 0; changes--) {
    const at = next(copy.length + 1);
    switch (next(4)) {
      case 0:
        if (at < copy.length) copy[at] = next(256);
        break;
      case 1:
        if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ (1 << next(8));
        break;
      case 2:
        return copy.subarray(0, at); // cut off
      default:
        copy.copyWithin(next(copy.length + 1), at); // repeated or shifted
    }
  }
  return copy;
}

interface Decoded {
  readonly outcomes: readonly FrameOutcome[];
  readonly partial: boolean;
  readonly bufferedBytes: number;
  readonly frameCount: number;
}

function decode(bytes: Buffer, nextChunkBytes: () => number): Decoded {
  const decoder = new FrameDecoder({ maxFrameBytes });
  const outcomes: FrameOutcome[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + nextChunkBytes());
    outcomes.push(...decoder.push(bytes.subarray(at, end)));
    at = end;
    // Plain throws: an expect() for each of millions of pieces would be most of the run.
    if (decoder.bufferedBytes > maxFrameBytes + 4) throw new Error(`holds ${decoder.bufferedBytes} bytes`);
    if (decoder.partial !== decoder.bufferedBytes > 0) throw new Error('partial contradicts bufferedBytes');
  }
  const { partial, bufferedBytes, frameCount } = decoder;
  return { outcomes, partial, bufferedBytes, frameCount };
}

/** Every byte is accounted for: in a frame that came out, in the refused one, or in the incomplete one. */
function assertEnds({ outcomes, partial, frameCount }: Decoded, bytes: Buffer): void {
  const refusals = outcomes.filter((outcome) => outcome.kind === 'refusal');
  if (refusals.length > 1) throw new Error('refused twice');
  if (refusals.length === 1 && outcomes.at(-1)?.kind !== 'refusal') throw new Error('went on after a refusal');
  if (refusals.length === 1 && partial) throw new Error('still waits after a refusal');
  if (bytes.length > 0 && outcomes.length === 0 && !partial) throw new Error('swallowed bytes');
  if (frameCount < outcomes.length - refusals.length || frameCount > outcomes.length)
    throw new Error('miscounts frames');
}

describe('frames', () => {
  it(
    'never throws, never holds more than a frame, always ends in objects and at most one refusal, however the bytes are cut',
    () => {
      const seen = { object: 0, refusal: 0, partial: 0, byReason: new Map<string, number>() };
      fc.assert(
        fc.property(stream, fc.integer(), (bytes, seed) => {
          const next = numbers(seed);
          for (let variant = 0; variant < variants; variant++) {
            const damaged = variant === 0 ? bytes : damage(bytes, next);
            const whole = decode(damaged, () => damaged.length);
            assertEnds(whole, damaged);
            const maxChunkBytes = variant % 3 === 0 ? 1 : 1 + next(40);
            const pieces = decode(damaged, () => 1 + next(maxChunkBytes));
            if (JSON.stringify(whole) !== JSON.stringify(pieces)) expect(pieces).toEqual(whole);
            seen.partial += Number(whole.partial);
            for (const outcome of whole.outcomes) {
              seen[outcome.kind] += 1;
              if (outcome.kind === 'refusal')
                seen.byReason.set(outcome.reason, (seen.byReason.get(outcome.reason) ?? 0) + 1);
            }
          }
        }),
        { numRuns },
      );
      // The generators reach every outcome; otherwise this test would prove less than it says.
      expect([...seen.byReason.keys()].sort()).toEqual(
        ['length_zero', 'not_json', 'not_object', 'not_utf8', 'too_deep', 'too_large'].sort(),
      );
      expect(Math.min(seen.object, seen.refusal, seen.partial)).toBeGreaterThan(numRuns);
    },
    timeoutMs,
  );

  it('decodes what was encoded, in any chunking', () => {
    fc.assert(
      fc.property(fc.array(jsonObject, { minLength: 1, maxLength: 6 }), fc.integer(), (objects, seed) => {
        const next = numbers(seed);
        const bytes = Buffer.concat(objects.map((object) => encodeFrame(object)));
        const decoder = new FrameDecoder();
        const outcomes: FrameOutcome[] = [];
        for (let at = 0; at < bytes.length;) {
          const end = Math.min(bytes.length, at + 1 + next(64));
          outcomes.push(...decoder.push(bytes.subarray(at, end)));
          at = end;
        }
        expect(outcomes).toEqual(objects.map((object) => ({ kind: 'object', value: overTheWire(object) })));
        expect(decoder.partial).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });
});
