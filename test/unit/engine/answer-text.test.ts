import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { AnswerText } from '../../../src/engine/answer-text.js';

/** Tokens are bytes here, so a character may come in up to four of them. */
const detokenize = (tokens: readonly number[]): string => new TextDecoder().decode(Uint8Array.from(tokens));
const bytes = (text: string): number[] => [...new TextEncoder().encode(text)];

interface Said {
  readonly pieces: string[];
  readonly tokens: number;
  readonly stopped: boolean;
}

function say(tokens: readonly number[], stops: readonly string[], already = ''): Said {
  const answer = new AnswerText(detokenize, stops, already);
  const pieces = [];
  let count = 0;
  for (const token of tokens) {
    if (answer.stopped) break;
    const piece = answer.push(token);
    pieces.push(piece.text);
    count += piece.tokens;
  }
  const last = answer.end();
  return { pieces: [...pieces, last.text], tokens: count + last.tokens, stopped: answer.stopped };
}

/** Few characters, some of several bytes, so that stop strings happen. */
const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'é', '漢', '👍') });
const stops = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'é', '👍'), minLength: 1, maxLength: 4 }), {
  maxLength: 3,
});

describe('the text of an answer', () => {
  it('is the text before the first stop string, whole characters, all tokens counted', () => {
    fc.assert(
      fc.property(text, stops, (said, stop) => {
        const { pieces, tokens, stopped } = say(bytes(said), stop);
        const joined = pieces.join('');
        // The first to be complete wins; of those that end together, the one that began first.
        const ends = stop.filter((s) => said.includes(s)).map((s) => said.indexOf(s) + s.length);
        const begin = Math.min(...stop.map((s) => said.slice(0, Math.min(...ends)).indexOf(s)).filter((at) => at >= 0));
        expect(joined).toBe(ends.length === 0 ? said : said.slice(0, begin));
        expect(stopped).toBe(ends.length > 0);
        expect(tokens).toBe(bytes(joined).length);
        for (const piece of pieces) expect(piece).not.toContain('\uFFFD');
      }),
      { numRuns: 2000 },
    );
  });

  it('holds back exactly what may still become a stop string', () => {
    fc.assert(
      fc.property(text, stops, (said, stop) => {
        const answer = new AnswerText(detokenize, stop);
        let sent = '';
        let soFar = '';
        for (const character of said) {
          for (const byte of bytes(character)) sent += answer.push(byte).text;
          soFar += character;
          if (answer.stopped) break;
          const beginnings = stop.flatMap((s) => Array.from({ length: s.length }, (_, n) => s.slice(0, n)));
          const held = Math.max(0, ...beginnings.filter((b) => soFar.endsWith(b)).map((b) => b.length));
          expect(sent).toBe(soFar.slice(0, soFar.length - held));
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('continued after any of its pieces is what it would have been', () => {
    fc.assert(
      fc.property(text, stops, fc.nat(), (said, stop, at) => {
        const whole = say(bytes(said), stop);
        const cut = at % whole.pieces.length;
        const already = whole.pieces.slice(0, cut).join('');
        const rest = say(bytes(said).slice(bytes(already).length), stop, already);
        expect(already + rest.pieces.join('')).toBe(whole.pieces.join(''));
        expect(rest.stopped).toBe(whole.stopped);
      }),
      { numRuns: 2000 },
    );
  });

  it('gives up on bytes that never become a character, and ends before half of one', () => {
    const { pieces } = say(
      Array.from({ length: 20 }, () => 0xff),
      [],
    );
    expect(pieces.join('')).toBe('\uFFFD'.repeat(16));
    expect(say(bytes('a漢').slice(0, -1), [])).toMatchObject({ pieces: ['a', '', '', ''], tokens: 1 });
  });

  it('is nothing when what the client holds has the stop string already, or it ends across the seam', () => {
    expect(say(bytes('xyz'), ['ab'], 'ab')).toEqual({ pieces: [''], tokens: 0, stopped: true });
    expect(say(bytes('bc'), ['ab'], 'a')).toEqual({ pieces: ['', ''], tokens: 0, stopped: true });
  });
});
