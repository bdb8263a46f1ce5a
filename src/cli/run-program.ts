/** Runs a command line to its end, and this process with it. */
import { CommanderError, type Command } from 'commander';
import { CommandError, exitCode, report } from './failure.js';
import { styleHelp } from './manual.js';

/** Whatever happens becomes an exit code; see failure.ts. */
export async function runProgram(program: Command): Promise<never> {
  const json = process.argv.includes('--json');
  styleHelp(program);
  failAsOurs(program);
  try {
    await program.parseAsync();
  } catch (error) {
    process.exit(error instanceof CommanderError ? usage(error, program, json) : report(error, json));
  }
  process.exit(process.exitCode ?? exitCode.done);
}

/** What commander has to say about a command line that is wrong, in the shape of every other error. */
function usage({ message, exitCode: code }: CommanderError, program: Command, json: boolean): number {
  if (code === 0) return exitCode.done;
  if (message === '(outputHelp)') return exitCode.usage; // no command was given, and the help was shown
  const [what = '', hint = ''] = message.replace(/^error: /, '').split('\n');
  const why = hint.replace(/^\((.*)\)$/, '$1');
  const next = `See: ${called(program, process.argv.slice(2))} --help`;
  return report(new CommandError(what, why, next, { code: 'usage', exit: exitCode.usage }), json);
}

/** The command that was meant, as far as it is one. */
function called(program: Command, words: readonly string[]): string {
  const [word = '', ...rest] = words;
  const command = program.commands.find((candidate) => candidate.name() === word);
  return command === undefined ? program.name() : `${program.name()} ${called(command, rest)}`;
}

function failAsOurs(command: Command): void {
  command.exitOverride().configureOutput({ outputError: () => {} });
  command.commands.forEach(failAsOurs);
}
