/** Answers on a terminal, as a screen shows them: words stay whole, nothing is lost, and code is left as it is. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import stringWidth from 'string-width';
import { WordWrap } from '../../../src/cli/word-wrap.js';

const wrapped = (pieces: readonly string[], columns: number): string[] => {
  const wrap = new WordWrap(() => columns);
  return screenOf(pieces.map((piece) => wrap.push(piece)).join(''), columns);
};

/** The rows that a terminal shows, which wraps by itself what is too long. */
function screenOf(output: string, columns: number): string[] {
  const rows: string[] = [''];
  for (const [part] of output.matchAll(/\x1b\[\d*[DK]|./gsu)) {
    const row = rows.at(-1) ?? '';
    if (part === '\n') rows.push('');
    else if (part.endsWith('D') && part.length > 1)
      rows.splice(-1, 1, row.slice(0, row.length - Number(part.slice(2, -1))));
    else if (part === '\x1b[K') continue;
    else if (stringWidth(row) + stringWidth(part) > columns) rows.push(part);
    else rows.splice(-1, 1, `${row}${part}`);
  }
  return rows;
}

describe('an answer on a terminal', () => {
  it('ends its lines between words, also where a word comes in pieces', () => {
    const rows = wrapped(['The quick bro', 'wn fox jum', 'ps over the la', 'zy dog'], 20);
    expect(rows).toEqual(['The quick brown fox', 'jumps over the lazy', 'dog']);
  });

  it('wraps Chinese and Japanese anywhere, by their real width', () => {
    expect(wrapped(['日本語'.repeat(5)], 20)).toEqual(['日本語日本語日本語', '日本語日本語']);
  });

  it('leaves code between fences, and words longer than a line, to the terminal', () => {
    const code = 'const answer = ask("count from 5", { maxTokens: 10 });';
    expect(new WordWrap(() => 30).push(`\`\`\`js\n${code}\n\`\`\`\n`)).toBe(`\`\`\`js\n${code}\n\`\`\`\n`);
    const url = 'https://example.org/a/very/long/address/of/something';
    expect(new WordWrap(() => 30).push(`see ${url} there`)).toContain(`\n${url.slice(0, 29)}`);
    expect(wrapped([`see ${url} there`], 30).join('|')).toBe(`see |${url.slice(0, 30)}|${url.slice(30)} there`);
  });

  it('does not erase what terminals draw in different widths', () => {
    expect(new WordWrap(() => 20).push('नमस्ते '.repeat(5))).not.toContain('\x1b');
    expect(new WordWrap(() => 20).push('abc👨‍👩‍👧 '.repeat(5))).not.toMatch(/\x1b\[[4-9]D/);
  });

  it('loses no word and breaks none, whatever the pieces and the width', () => {
    const word = fc.string({ unit: fc.constantFrom(...Array.from('abcdé.,')), minLength: 1, maxLength: 18 });
    const lines = fc.array(fc.array(word, { maxLength: 12 }), { maxLength: 4 });
    fc.assert(
      fc.property(
        lines,
        fc.integer({ min: 20, max: 60 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 7 })),
        (words, columns, cuts) => {
          const text = words.map((line) => line.join(' ')).join('\n');
          const pieces: string[] = [];
          for (let at = 0; at < text.length;) {
            const size = cuts.next().value as number;
            pieces.push(text.slice(at, at + size));
            at += size;
          }
          const rows = wrapped(pieces, columns);
          expect(rows.join(' ').split(' ').filter(Boolean)).toEqual(words.flat());
          for (const row of rows) expect(stringWidth(row)).toBeLessThan(columns);
        },
      ),
    );
  });
});
