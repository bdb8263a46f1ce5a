/** The pages of `--help`: each command has one with examples, and every example is a line that the command line takes. */
import { describe, expect, it } from 'vitest';
import { qmeshProgram } from '../../../src/cli/program.js';
import { mistakeIn, qmeshWordsIn, walk } from '../../support/command-lines.js';

/** `models pull` → what `qmesh models pull --help` prints. */
const helpPages = new Map<string, string>();
walk(await qmeshProgram(), (command, names) => {
  let page = '';
  command.configureOutput({ writeOut: (text) => (page += text), getOutHasColors: () => false });
  command.outputHelp();
  helpPages.set(names.join(' '), page);
});
const leaves = [...helpPages].filter(([name]) => ![...helpPages.keys()].some((other) => other.startsWith(`${name} `)));

describe.each(leaves)('qmesh %s --help', (name, page) => {
  const examples =
    page
      .split('\nExamples:\n')[1]
      ?.split('\n\n')[0]
      ?.split('\n')
      .filter((line) => line.trim() !== '') ?? [];

  it('has examples, and each is right', async () => {
    expect(examples).not.toEqual([]);
    const commands = examples.flatMap(qmeshWordsIn);
    expect(commands.some(({ words }) => words.join(' ').startsWith(name))).toBe(true);
    for (const { words, env } of commands) expect(await mistakeIn(words, env), words.join(' ')).toBeUndefined();
  });

  it('fits a terminal, but for examples', () => {
    const about = page.split('\nAbout:\n')[1]?.split('\n\n')[0] ?? '';
    for (const line of about.split('\n')) expect(line.length, line).toBeLessThanOrEqual(88);
  });
});

it('lines of shell are read as a shell does', () => {
  expect(qmeshWordsIn('A=b npx qmesh ask "count from 5" --json | jq .text # qmesh x')).toEqual([
    { words: ['ask', 'count from 5', '--json'], env: { A: 'b' } },
  ]);
  expect(qmeshWordsIn('source <(qmesh completion bash)')).toEqual([{ words: ['completion', 'bash'], env: {} }]);
  expect(qmeshWordsIn('qmesh chat < a.txt >> b.txt')).toEqual([{ words: ['chat'], env: {} }]);
  expect(qmeshWordsIn('cd qmesh && npm ci')).toEqual([]);
});

it('wrong lines are found', async () => {
  expect(await mistakeIn(['wrker'])).toContain('unknown command');
  expect(await mistakeIn(['ask', 'hi', '--nope'])).toContain('unknown option');
  expect(await mistakeIn(['worker', '--slots', 'x'])).toContain('expected a whole number');
  expect(await mistakeIn(['worker'], { QMESH_SLOT: '1' })).toContain('not a setting');
});

it('a command that is named is loaded alone, and what is none brings all of them', async () => {
  const names = async (...words: readonly string[]): Promise<string[]> =>
    (await qmeshProgram(words)).commands.map((command) => command.name());
  expect(await names('status')).toEqual(['status']);
  const all = await names();
  expect(all.length).toBeGreaterThan(10);
  for (const name of all) expect(await names(name)).toContain(name);
  expect(await names('completion', 'bash')).toEqual(all);
  for (const word of ['wrker', 'constructor']) expect(await names(word)).toEqual(all);
  expect(await names('--help')).toEqual(all);
});
