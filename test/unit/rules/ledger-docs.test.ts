/** docs/ledger.md and the score network in docs/protocol.md say what the code does: their tables and numbers are compared. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { describe, expect, it } from 'vitest';
import { limits } from '../../../src/protocol/limits.js';
import { scoreSchemas } from '../../../src/protocol/score-messages.js';
import { achievementRules, fastMs } from '../../../src/rules/achievements.js';
import { claimLifeMs, clockSkewMs } from '../../../src/rules/attestation.js';
import { maxTokensPerMs } from '../../../src/rules/claim.js';
import { banMs } from '../../../src/rules/evidence.js';
import { holdAfterResultMs } from '../../../src/rules/holds.js';
import { dailyMintCapMillipoints } from '../../../src/rules/ledger.js';
import * as points from '../../../src/rules/points.js';
import { maxSeenThreshold, seenAfterMs } from '../../../src/rules/quorum.js';
import { leastPriceForTier } from '../../../src/rules/standing.js';
import { verdictRules } from '../../../src/rules/verdicts.js';

const read = (name: string): string => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');
const page = read('ledger.md');

const cells = (line: string): string[] =>
  line
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim());

function table(text: string, header: string): string[][] {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => cells(line)[0] === header);
  if (start < 0) throw new Error(`no table "${header}"`);
  const rows = lines.slice(start + 2);
  return rows
    .slice(
      0,
      rows.findIndex((line) => !line.startsWith('|')),
    )
    .map(cells);
}

const written = (number: number): string => number.toLocaleString('en-US');
const has = (...texts: string[]): void => {
  const flat = page.replace(/\s+/g, ' ');
  for (const text of texts) expect(flat).toContain(text);
};

describe('docs/ledger.md', () => {
  it('names every verdict', () => {
    const rows = Object.entries(verdictRules).map(([verdict, { isFinal, meaning }]) => [
      `\`${verdict}\``,
      isFinal ? 'yes' : '',
      meaning,
    ]);
    expect(table(page, 'verdict')).toEqual(rows);
  });

  it('names every achievement', () => {
    const said = table(page, 'achievement').map(([title, what, prize]) => [title, /\d[\d,]*/.exec(what!)![0], prize]);
    expect(said).toEqual(
      Object.values(achievementRules).map(({ title, atLeast, millipoints }) => [
        title,
        written(atLeast),
        written(millipoints),
      ]),
    );
    has(`\`responseMs\` below ${written(fastMs)}`);
  });

  it('gives the points', () => {
    expect(table(page, '`responseMs` up to')).toEqual(
      points.speedRules.map(({ upToMs, millipoints }) => [written(upToMs), written(millipoints)]),
    );
    const most = [5_000, points.maxComplexity, points.qualityOfSuccess + points.maxQualityOfLength];
    expect(table(page, 'part').map((row) => row[1])).toEqual(most.map(written));
    expect(most.reduce((a, b) => a + b)).toBe(limits.maxPriceMillipoints);
    has(
      `${points.complexityPerChar} for each code point of the prompt`,
      `${written(points.qualityOfSuccess)} for success, and ${points.qualityPerChar} for each code point of the answer up to ${written(points.maxQualityOfLength)}`,
    );
  });

  it('says the other numbers', () => {
    const [day, minute] = [86_400_000, 60_000];
    has(
      `min(${written(dailyMintCapMillipoints)}, sum of score`,
      `offer at least ${written(leastPriceForTier)}`,
      `until ${holdAfterResultMs / minute} minutes after the result`,
      `at least a minute, this one included, \`floor(2n/3) + 1\` of them and ${maxSeenThreshold} at most`,
      `The ban ends ${banMs / day} days after`,
      `Finished more than ${claimLifeMs / day} days ago`,
      `more than ${clockSkewMs / minute} minutes after the end`,
      `More than ${maxTokensPerMs} tokens`,
      `good for more than ${limits.maxOrderLifeMs / minute} minutes`,
      `with at most ${limits.maxRangeHashes} hashes`,
      `one frame, and ${limits.maxScoreItems} certificates`,
    );
    expect(seenAfterMs).toBe(minute);
  });
});

it('docs/protocol.md names every message of the score network and its fields', () => {
  const fieldsOf = (schema: z.ZodType): string[] => {
    const object = schema instanceof z.ZodPipe ? schema.out : schema;
    if (!(object instanceof z.ZodObject)) throw new Error('no object');
    const fields = Object.entries(object.shape).slice(2);
    return fields.map(([name, field]) => (field instanceof z.ZodExactOptional ? `${name}?` : name));
  };
  const codes = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? '');
  expect(
    table(read('protocol.md'), 'score message').map(([type, fields]) => [...codes(type!), ...codes(fields!)]),
  ).toEqual(Object.entries(scoreSchemas).map(([type, schema]) => [type, ...fieldsOf(schema)]));
});
