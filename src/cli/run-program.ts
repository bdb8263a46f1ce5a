/** Runs a command line to its end, and ends this process. */
import { CommanderError, type Command } from 'commander';
import { isCode, messageOf } from '../runtime/errors.js';
import { CommandError, exitCode, report } from './failure.js';

/** Turns every outcome into an exit code; see failure.ts. */
export async function runProgram(program: Command): Promise<never> {
  const json = process.argv.includes('--json');
  endWithoutReader();
  endWhereNobodyCatches();
  failAsOurs(program);
  try {
    await program.parseAsync();
    await new Promise<void>((written) => process.stdout.write('', () => written())); // a failed write ends this process
  } catch (error) {
    process.exit(error instanceof CommanderError ? usage(error, program, json) : report(error, json));
  }
  process.exit(process.exitCode ?? exitCode.done);
}

/** Stdout can fail, as with `qmesh score log | head` or a full disk. Then the rest of the output cannot be written. */
function endWithoutReader(): void {
  process.stdout.on('error', (error) => {
    if (isCode(error, 'EPIPE')) process.exit(exitCode.failed); // the reader has seen enough
    const next = 'Make room where it goes, and run it again.';
    const failure = new CommandError('the output cannot be written', messageOf(error), next, { code: 'output_failed' });
    process.exit(report(failure, false));
  });
  process.stderr.on('error', () => {}); // nobody is left to report to
}

/** An exception or rejection that no supervisor saw: all that can be reported is where it comes from. */
function endWhereNobodyCatches(): void {
  process.on('uncaughtException', (error: unknown) => {
    const why = (error instanceof Error && error.stack) || messageOf(error);
    process.exit(
      report(
        new CommandError('something went wrong', why, 'Please report this. A service manager may start it again.', {
          code: 'internal',
          exit: exitCode.fault,
        }),
        false,
      ),
    );
  });
}

/** Reports commander's usage errors in the form of all other errors. */
function usage({ message, exitCode: code }: CommanderError, program: Command, json: boolean): number {
  if (code === 0) return exitCode.done;
  if (message === '(outputHelp)') return exitCode.usage; // without a command, the help was shown
  const [what = '', hint = ''] = message.replace(/^error: /, '').split('\n');
  const why = hint.replace(/^\((.*)\)$/, '$1');
  const next = `See: ${called(program, process.argv.slice(2))} --help`;
  return report(new CommandError(what, why, next, { code: 'usage', exit: exitCode.usage }), json);
}

/** The longest part of the words that names a command. */
function called(program: Command, words: readonly string[]): string {
  const [word = '', ...rest] = words;
  const command = program.commands.find((candidate) => candidate.name() === word);
  return command === undefined ? program.name() : `${program.name()} ${called(command, rest)}`;
}

function failAsOurs(command: Command): void {
  command.exitOverride().configureOutput({ outputError: () => {} });
  command.commands.forEach(failAsOurs);
}
