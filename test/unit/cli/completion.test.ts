/** Completion: every command and flag is offered where it belongs, and the shells that are here understand their scripts. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Argument, Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { placesOf } from '../../../src/cli/completion/places.js';
import { completionScript, type Shell } from '../../../src/cli/completion/scripts.js';

const program = new Command('qmesh')
  .option('-V, --version', "the version; don't guess")
  .addCommand(new Command('ask').description('Ask: a question').option('--model <name>', 'a model'))
  .addCommand(
    new Command('models')
      .description('Models')
      .addCommand(new Command('pull').description('Fetch').option('--json', 'as JSON'))
      .addCommand(new Command('list').description('List')),
  )
  .addCommand(new Command('shell').addArgument(new Argument('<shell>', 'a shell').choices(['bash', 'zsh'])));
const places = placesOf(program);

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'qmesh-completion-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function script(shell: Shell): string {
  const file = join(folder, shell);
  writeFileSync(file, completionScript(shell, 'qmesh', places));
  return file;
}

const has = (shell: string): boolean => {
  try {
    execFileSync(shell, ['-c', 'true']);
    return true;
  } catch {
    return false;
  }
};

it('knows each command, and what can follow it', () => {
  expect(places.map(({ after }) => after)).toEqual(['', 'ask', 'models', 'models pull', 'models list', 'shell']);
  expect(places[0]?.commands.map(({ word }) => word)).toEqual(['ask', 'models', 'shell']);
  expect(places[5]?.commands.map(({ word }) => word)).toEqual(['bash', 'zsh']);
  expect(places[3]?.flags.map(({ word }) => word)).toEqual(['--json', '--help']);
});

describe('bash', () => {
  const complete = (...words: readonly string[]): string[] => {
    const line = ['qmesh', ...words].map((word) => `'${word}'`).join(' ');
    const run = `source ${script('bash')}; COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _qmesh; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync('bash', ['-c', run], { encoding: 'utf8' }).trim().split('\n');
  };

  it('completes commands, their commands, and flags', () => {
    expect(complete('')).toEqual(['ask', 'models', 'shell', '--version', '--help']);
    expect(complete('mo')).toEqual(['models']);
    expect(complete('models', 'p')).toEqual(['pull']);
    expect(complete('models', 'pull', 'llama', '--j')).toEqual(['--json']);
    expect(complete('ask', '--bootstrap', 'x', '--mo')).toEqual(['--model']);
    expect(complete('nothing-of-ours', 'zz')).toEqual(['']);
  });
});

describe.runIf(has('zsh'))('zsh', () => {
  it('takes the script, and walks to the command that is meant', () => {
    // what zsh's own functions would be given
    const run = `compdef() { }; _describe() { local -a all; all=("\${(@P)@[-1]}"); print -l -- "\${all[@]}" }
      source ${script('zsh')}; words=(qmesh models p); CURRENT=3; _qmesh; words=(qmesh models pull --); CURRENT=4; _qmesh`;
    const lines = execFileSync('zsh', ['-f', '-c', run], { encoding: 'utf8' }).trim().split('\n');
    expect(lines).toEqual(['pull:Fetch', 'list:List', '--json:as JSON', '--help:show the page of this command']);
  });

  it('sets up completion first where no .zshrc has', () => {
    const run = `source ${script('zsh')}; print -- "\${_comps[qmesh]}"`;
    expect(execFileSync('zsh', ['-f', '-c', run], { encoding: 'utf8', env: { ...process.env, ZDOTDIR: folder } })).toBe(
      '_qmesh\n',
    );
  });
});

describe.runIf(has('fish'))('fish', () => {
  it('completes commands and flags', () => {
    const complete = (line: string): string[] =>
      execFileSync('fish', ['-N', '-c', `source ${script('fish')}; complete -C '${line}'`], { encoding: 'utf8' })
        .trim()
        .split('\n')
        .map((row) => row.split('\t')[0] ?? '');
    expect(complete('qmesh ')).toEqual(['ask', 'models', 'shell']);
    expect(complete('qmesh shell ')).toEqual(['bash', 'zsh']);
    expect(complete('qmesh models p')).toEqual(['pull']);
    expect(complete('qmesh models pull --')).toEqual(['--help', '--json']);
  });
});
