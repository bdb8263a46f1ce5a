import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readAgain, type Vocabulary } from '../../../src/engine/repick.js';

const pieces = ['a', 'b', 'ab', 'aba', 'bab', '\uFFFD', ''];
const end = 99;
const vocabulary: Vocabulary = {
  text: (tokens) => tokens.map((token) => pieces[token] ?? '').join(''),
  /** Reads the longest piece first. */
  continuation: (text) => {
    const tokens: number[] = [];
    for (let rest = text; rest !== '';) {
      const fitting = pieces.filter((piece) => piece !== '' && rest.startsWith(piece));
      const longest = fitting.reduce((best, piece) => (piece.length > best.length ? piece : best));
      tokens.push(pieces.indexOf(longest));
      rest = rest.slice(longest.length);
    }
    return tokens;
  },
  ends: (token) => token === end,
};
const [a, ab, aba, half, none] = [0, 2, 3, 5, 6];

describe('a resumed text, read again', () => {
  it.each([
    ['a token that the text ends within', 'bab', [ab], aba, { tokens: [aba], beyond: 'a' }],
    ['a shorter token than it was read as', 'aba', [aba], ab, { tokens: [ab, a], beyond: '' }],
    ['a longer one', 'abab', [ab, ab], aba, { tokens: [aba, 1], beyond: '' }],
    ['the same token', 'aba', [aba], aba, undefined],
    ['a token that contradicts it', 'aba', [aba], 1, undefined],
    ['the end of the answer', 'aba', [aba], end, undefined],
    ['half a character', 'aba', [aba], half, undefined],
    ['a token without a text', 'aba', [aba], none, undefined],
    ['anything, where the tokens are not the text', 'abb', [aba], a, undefined],
  ])('where the model picks %s', (_what, resumedText, tokens, picked, reading) => {
    expect(readAgain(vocabulary, resumedText, tokens, picked)).toEqual(reading);
  });

  it('always says what the client holds, and then what is beyond', () => {
    const known = fc.constantFrom(0, 1, 2, 3, 4);
    fc.assert(
      fc.property(fc.array(known, { minLength: 1 }), known, (tokens, picked) => {
        const held = vocabulary.text(tokens);
        const reading = readAgain(vocabulary, held, tokens, picked);
        if (reading !== undefined) expect(vocabulary.text(reading.tokens)).toBe(held + reading.beyond);
      }),
    );
  });
});
