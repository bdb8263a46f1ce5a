/** Command lines in help pages and docs: whether the real command line would accept them, without running anything. */
import { CommanderError, type Command } from 'commander';
import { qmeshProgram } from '../../src/cli/program.js';
import { ConfigError } from '../../src/runtime/config.js';
import { loadConfig } from '../../src/runtime/config.js';
import { settings } from '../../src/settings.js';

/** The arguments of `qmesh` in a line of shell: after variables, `npx` and `<(`, up to the end of the command. */
export function qmeshWordsIn(line: string): { readonly words: string[]; readonly env: Record<string, string> }[] {
  return simpleCommands(line).flatMap((words) => {
    const env: Record<string, string> = {};
    while (/^[A-Z_]+=/.test(words[0] ?? '')) {
      const [name = '', value = ''] = (words.shift() ?? '').split(/=(.*)/s);
      env[name] = value;
    }
    while (['npx', 'sudo', '$'].includes(words[0] ?? '')) words.shift();
    return words[0] === 'qmesh' ? [{ words: words.slice(1), env }] : [];
  });
}

/** Undefined if the line is right. */
export async function mistakeIn(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string | undefined> {
  const program = await qmeshProgram(words);
  let ran: Command | undefined;
  walk(program, (command) => {
    command.exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {}, outputError: () => {} });
    if (doesSomething(command)) command.action(() => void (ran = command));
  });
  try {
    program.parse([...words], { from: 'user' });
    const known = Object.entries(ran?.opts() ?? {}).filter(
      ([key]) => key in settings && ran?.name() !== 'ask' && ran?.name() !== 'chat',
    );
    loadConfig(settings, { flags: Object.fromEntries(known), env });
    return undefined;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? undefined : error.message;
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

/** A command that only has subcommands is allowed to say so. */
const doesSomething = (command: Command): boolean =>
  command.commands.length === 0 || (command as unknown as { readonly _actionHandler: unknown })._actionHandler !== null;

export function walk(
  command: Command,
  visit: (command: Command, names: readonly string[]) => void,
  names: readonly string[] = [],
): void {
  visit(command, names);
  for (const child of command.commands) walk(child, visit, [...names, child.name()]);
}

/** Words of each simple command of a line. Quotes hold together; `#` after a space begins a comment. */
function simpleCommands(line: string): string[][] {
  const commands: string[][] = [[]];
  for (const [token] of line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'|;&<>()])+|\|\||&&|<\(|>>|[|;&<>()]/g)) {
    const isFirstOfComment = token.startsWith('#');
    if (isFirstOfComment) break;
    if (/^(\|\||&&|<\(|[|;&()])$/.test(token)) commands.push([]);
    else commands.at(-1)?.push(token);
  }
  return commands.map((words) => {
    const redirected = words.findIndex((word) => /^[<>]/.test(word));
    return (redirected < 0 ? words : words.slice(0, redirected)).map((word) => word.replaceAll(/["']/g, ''));
  });
}
