/** What the pages tell people to type: commands that the command line takes, scripts and files that are there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { qmeshProgram } from '../../src/cli/program.js';
import { mistakeIn, qmeshWordsIn } from '../support/command-lines.js';
import { shellLinesOf } from '../support/pages.js';

const root = join(import.meta.dirname, '../..');
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'bench/README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];
await qmeshProgram(); // all commands are loaded here, outside of any test's time
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

describe.each(pages)('%s', (page) => {
  const lines = shellLinesOf(readFileSync(join(root, page), 'utf8'));

  it('names commands and flags that there are', async () => {
    const mistakes: string[] = [];
    for (const { words, env } of lines.flatMap(qmeshWordsIn)) {
      const mistake = await mistakeIn(words, env);
      if (mistake !== undefined) mistakes.push(`qmesh ${words.join(' ')}: ${mistake}`);
    }
    expect(mistakes).toEqual([]);
  });

  it('names scripts and programs that there are', () => {
    for (const line of lines) {
      const [, script] = /\bnpm run ([\w:-]+)/.exec(line) ?? [];
      if (script !== undefined) expect(Object.keys(scripts)).toContain(script);
      const [, file] = /\bnode ((?:examples|scripts|bench)\/[\w./-]+)/.exec(line) ?? [];
      if (file !== undefined) expect(existsSync(join(root, file)), file).toBe(true);
    }
  });
});

it('the newcomer’s page has commands at all', () => {
  expect(shellLinesOf(readFileSync(join(root, 'README.md'), 'utf8')).flatMap(qmeshWordsIn).length).toBeGreaterThan(8);
});
