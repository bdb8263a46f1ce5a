/** How a command fails in front of a person: a line what, a line why, a line what to do next; and a code for programs. */
import { HomeError } from '../actors/home.js';
import { ConfigError } from '../runtime/config.js';
import { printable } from './printable.js';

/** 0 done, 1 failed, 2 used wrongly; 70 an internal fault that no supervisor could mend (EX_SOFTWARE of sysexits.h). */
export const exitCode = { done: 0, failed: 1, usage: 2, fault: 70, interrupted: 130 } as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code: ExitCode;
  /** For programs, with `--json`. */
  readonly reason: string;

  constructor(
    readonly what: string,
    readonly why: string,
    readonly next: string,
    { code = exitCode.failed, reason = 'failed' }: { readonly code?: ExitCode; readonly reason?: string } = {},
  ) {
    super(what);
    this.code = code;
    this.reason = reason;
  }
}

/** Tells the person, or the program that reads `--json`. @returns the exit code. */
export function report(error: unknown, json: boolean): number {
  const { what, why, next, code, reason } = asCommandError(error);
  if (json) process.stdout.write(`${JSON.stringify({ error: { code: reason, message: what, why, next } })}\n`);
  else process.stderr.write(`${printable([`qmesh: ${what}`, why, next].filter((line) => line !== '').join('\n  '))}\n`);
  return code;
}

/** A message of the layers below is one line, `what and why; what next`. */
export function splitAdvice(message: string): readonly [what: string, next: string] {
  const at = message.indexOf('; ');
  if (at < 0) return [message, ''];
  const next = message.slice(at + 2);
  return [message.slice(0, at), `${next.charAt(0).toUpperCase()}${next.slice(1)}.`];
}

function asCommandError(error: unknown): CommandError {
  if (error instanceof CommandError) return error;
  if (error instanceof ConfigError)
    return new CommandError(
      'the settings are not usable',
      error.problems.join('\n  '),
      'All of them are in docs/configuration.md; those of a command are shown by its --help.',
      { code: exitCode.usage, reason: 'bad_config' },
    );
  if (error instanceof HomeError) {
    const [what, next] = splitAdvice(error.message);
    return new CommandError(what, '', next, { reason: error.code });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new CommandError('something went wrong', message, 'Please report this if it happens again.', {
    code: exitCode.fault,
    reason: 'internal',
  });
}
