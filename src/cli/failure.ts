/** How a command fails in front of a person: one line what, one line why, one line what to do; and a code for programs. */
import { ConfigError } from '../runtime/config.js';

/** 0 done, 1 failed, 2 used wrongly; 70 an internal fault that no supervisor could mend (EX_SOFTWARE of sysexits.h). */
export const exitCode = { done: 0, failed: 1, usage: 2, fault: 70 } as const;

export class CommandError extends Error {
  override readonly name = 'CommandError';

  constructor(
    readonly what: string,
    readonly why: string,
    readonly next: string,
    readonly code: (typeof exitCode)[keyof typeof exitCode] = exitCode.failed,
    /** For programs, with `--json`. */
    readonly reason = 'failed',
  ) {
    super(what);
  }
}

/** Tells the person, or the program that reads `--json`. @returns the exit code. */
export function report(error: unknown, json: boolean): number {
  const failure = asCommandError(error);
  const { what, why, next, code, reason } = failure;
  if (json) process.stdout.write(`${JSON.stringify({ error: { code: reason, message: what, why, next } })}\n`);
  else process.stderr.write(`${[`qmesh: ${what}`, why, next].filter((line) => line !== '').join('\n  ')}\n`);
  return code;
}

function asCommandError(error: unknown): CommandError {
  if (error instanceof CommandError) return error;
  if (error instanceof ConfigError)
    return new CommandError(
      'the settings are not usable',
      error.problems.join('\n  '),
      'See docs/configuration.md, or run: qmesh worker --help',
      exitCode.usage,
      'bad_config',
    );
  const message = error instanceof Error ? error.message : String(error);
  return new CommandError(
    'something went wrong',
    message,
    'Please report this if it happens again.',
    exitCode.fault,
    'internal',
  );
}
