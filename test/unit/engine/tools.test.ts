import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ToolCallSieve, withToolMessage } from '../../../src/engine/tools.js';

function sift(pieces: readonly string[], already = '') {
  const sieve = new ToolCallSieve(already);
  const streamed = pieces.map((text) => sieve.push({ text, tokens: 1 }));
  const { calls, rest } = sieve.end();
  const sent = [...streamed, rest];
  return {
    calls,
    streamed,
    text: sent.map((piece) => piece.text).join(''),
    tokens: sent.reduce((sum, p) => sum + p.tokens, 0),
  };
}

describe('the sieve for calls', () => {
  it('lets words through as they come and loses nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (pieces) => {
        const text = pieces.join('');
        fc.pre(!/^\s*\[?\{/.test(text));
        const { calls, streamed, text: sent, tokens } = sift(pieces);
        expect(calls).toBeUndefined();
        expect(sent).toBe(text);
        expect(tokens).toBe(pieces.length);
        const first = pieces.findIndex(
          (_, at) =>
            !['', '['].includes(
              pieces
                .slice(0, at + 1)
                .join('')
                .trimStart(),
            ),
        );
        if (first >= 0)
          expect(
            streamed
              .slice(first)
              .map((p) => p.text)
              .join(''),
          ).toBe(text);
      }),
    );
  });

  it('keeps calls whole, wherever their pieces end', () => {
    const value = fc.record({ tool: fc.string(), arguments: fc.dictionary(fc.string(), fc.string()) });
    const values = fc.oneof(value, fc.array(value, { minLength: 1, maxLength: 4 }));
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 9 }), fc.nat(200), (values, size, cut) => {
        const text = JSON.stringify(values);
        const already = text.slice(0, cut);
        const rest = text.slice(cut);
        const pieces = Array.from({ length: Math.ceil(rest.length / size) }, (_, i) =>
          rest.slice(i * size, (i + 1) * size),
        );
        const { calls, text: sent, tokens } = sift(pieces, already);
        expect(calls).toEqual([values].flat().map(({ tool, arguments: given }) => ({ name: tool, arguments: given })));
        expect([sent, tokens]).toEqual(['', pieces.length]);
      }),
    );
  });

  it('gives calls that are not complete, or that are none, as text', () => {
    for (const text of ['{"tool": "a', '{"a": 1}', '{', '[', '[{"tool":"a","arguments":{}},{"to', '[{"tool":"a"},{}]'])
      expect(sift(Array.from(text))).toMatchObject({ calls: undefined, text, tokens: text.length });
  });
});

it('tells the model of the tools before all else', () => {
  const [first, ...others] = withToolMessage(
    [{ name: 'now', description: 'the "time"' }],
    [{ role: 'user', content: 'x' }],
  );
  expect(first?.role).toBe('system');
  expect(first?.content).toContain(
    '{"tool":"now","description":"the \"time\"","arguments":{"type":"object","properties":{}}}'.replaceAll(
      '"time"',
      '\\"time\\"',
    ),
  );
  expect(others).toEqual([{ role: 'user', content: 'x' }]);
});
