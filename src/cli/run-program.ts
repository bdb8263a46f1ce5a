/** Runs a command line to its end, and this process with it. */
import { CommanderError, type Command } from 'commander';
import { CommandError, exitCode, report } from './failure.js';

/** Whatever happens becomes an exit code; see failure.ts. */
export async function runProgram(program: Command): Promise<never> {
  const json = process.argv.includes('--json');
  throwInsteadOfExiting(program);
  try {
    await program.parseAsync();
  } catch (error) {
    process.exit(error instanceof CommanderError ? usage(error, json) : report(error, json));
  }
  process.exit(process.exitCode ?? exitCode.done);
}

/** commander has told the person already: what is wrong, or the help that was asked for. */
function usage({ message, exitCode: code }: CommanderError, json: boolean): number {
  if (code === 0) return exitCode.done;
  if (!json) return exitCode.usage;
  const what = message.replace(/^error: /, '');
  return report(new CommandError(what, '', 'See --help.', { code: exitCode.usage, reason: 'usage' }), json);
}

function throwInsteadOfExiting(command: Command): void {
  command.exitOverride();
  command.commands.forEach(throwInsteadOfExiting);
}
