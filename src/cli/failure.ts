/** How a command reports a failure: to a person one line each for what, why and what to do next; to programs a code. */
import { ConfigError } from '../runtime/config.js';
import { CodedError, messageOf } from '../runtime/errors.js';
import { printable } from './printable.js';

/**
 * 0 done, 1 failed, 2 wrong usage, 70 an internal fault that no supervisor could repair (EX_SOFTWARE in sysexits.h).
 */
export const exitCode = { done: 0, failed: 1, usage: 2, fault: 70, interrupted: 130 } as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

interface Codes {
  /** For programs, with `--json`: one of error-codes.ts. */
  readonly code?: string;
  readonly exit?: ExitCode;
}

export class CommandError extends CodedError {
  override readonly name = 'CommandError';
  readonly exit: ExitCode;

  constructor(
    readonly what: string,
    readonly why: string,
    readonly next: string,
    { code = 'failed', exit = exitCode.failed }: Codes = {},
  ) {
    super(code, what);
    this.exit = exit;
  }

  /** @param cause its message says why, and what to do next */
  static because(cause: unknown, what: string, codes?: Codes): CommandError {
    const [why, next] = splitAdvice(messageOf(cause));
    return new CommandError(what, why, next, codes);
  }
}

/** @param cause as reported by the network */
export const notJoined = (cause: unknown): CommandError =>
  CommandError.because(cause, 'the mesh cannot be joined', { code: 'network_failed' });

/**
 * Reports to a person, or to the program that reads `--json`.
 * @returns the exit code
 */
export function report(error: unknown, json: boolean): number {
  const { what, why, next, code, exit } = asCommandError(error);
  if (json) process.stdout.write(`${JSON.stringify({ error: { code, message: what, why, next } })}\n`);
  else process.stderr.write(`${printable([`qmesh: ${what}`, why, next].filter((line) => line !== '').join('\n  '))}\n`);
  return exit;
}

/** A message from the lower layers is one line: see CodedError. */
function splitAdvice(message: string): readonly [what: string, next: string] {
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
      { code: 'bad_config', exit: exitCode.usage },
    );
  if (error instanceof CodedError) {
    const { code, message } = error as CodedError;
    const [what, next] = splitAdvice(message);
    return new CommandError(what, '', next, { code });
  }
  return new CommandError('something went wrong', messageOf(error), 'Please report this if it happens again.', {
    code: 'internal',
    exit: exitCode.fault,
  });
}
