import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage } from '../../src/protocol/decode.js';
import type { FrameObject } from '../../src/protocol/frame.js';
import { idPattern } from '../../src/protocol/limits.js';
import { inferenceSchemas, type MessageType } from '../../src/protocol/messages.js';
import { isSoak } from '../support/soak.js';
import { samples } from '../unit/protocol/samples.js';

/** Any JSON object, and any message with some of its fields replaced, removed or moved, decodes to an outcome: it never throws. */
const numRuns = isSoak ? 2_000_000 : 20_000;
const timeoutMs = isSoak ? 3_600_000 : 120_000;

const types = Object.keys(inferenceSchemas) as MessageType[];
const fieldNames = [...new Set(Object.values(samples).flatMap((sample) => Object.keys(sample)))];
const anything = fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' });
const anyObject = fc.dictionary(
  fc.oneof(fc.string(), fc.constantFrom('v', 'type', '__proto__', ...fieldNames)),
  anything,
);

const change = fc.record({
  path: fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 4 }),
  value: fc.option(anything, { nil: undefined }),
});

/** Replaces what the path leads to (its numbers choose among the keys there), or removes it where the value is undefined. */
function apply(target: unknown, { path, value }: { path: readonly number[]; value: unknown }): void {
  let at = target as Record<string, unknown>;
  for (const [depth, choice] of path.entries()) {
    const keys = Object.keys(at);
    const key = keys[choice % Math.max(1, keys.length)];
    if (key === undefined) return;
    const next = at[key];
    if (depth < path.length - 1 && typeof next === 'object' && next !== null) at = next as Record<string, unknown>;
    else {
      if (value === undefined) Reflect.deleteProperty(at, key);
      else at[key] = value;
      return;
    }
  }
}

const mutated = fc.tuple(fc.constantFrom(...types), fc.array(change, { maxLength: 4 })).map(([type, changes]) => {
  const message = JSON.parse(JSON.stringify(samples[type])) as FrameObject;
  for (const one of changes) apply(message, one);
  return message;
});

describe('decodeMessage', () => {
  it(
    'ends in a message or a reason, for every JSON object',
    () => {
      const seen = new Set<string>();
      fc.assert(
        fc.property(fc.oneof({ weight: 4, arbitrary: mutated }, anyObject as fc.Arbitrary<FrameObject>), (value) => {
          const before = JSON.stringify(value);
          const outcome = decodeMessage(value);
          seen.add(outcome.kind);
          expect(JSON.stringify(value)).toBe(before); // decoding does not touch what it is given
          if (outcome.kind === 'invalid') {
            expect(outcome.message.startsWith(`${outcome.field}: `.slice(0, 200))).toBe(true);
            const { type, id } = value;
            const isReadable = typeof type === 'string' && typeof id === 'string' && idPattern.test(id);
            expect(outcome.id).toBe(isReadable ? id : undefined);
          }
          // What is accepted is accepted again, unchanged, when it is passed on.
          if (outcome.kind === 'message') {
            const again = decodeMessage(JSON.parse(JSON.stringify(outcome.message)) as FrameObject);
            expect(JSON.stringify(again)).toBe(JSON.stringify(outcome));
          }
        }),
        { numRuns },
      );
      expect([...seen].sort()).toEqual(['invalid', 'message', 'unknown_type', 'unsupported_version']);
    },
    timeoutMs,
  );

  it('ignores any field that it does not know', () => {
    const unknownFields = fc.dictionary(
      fc.string().filter((key) => !fieldNames.includes(key) && key !== '__proto__'),
      anything,
    );
    fc.assert(
      fc.property(fc.constantFrom(...types), unknownFields, (type, extra) => {
        expect(decodeMessage({ ...extra, ...samples[type] })).toEqual(decodeMessage({ ...samples[type] }));
      }),
      { numRuns: 2_000 },
    );
  });
});
