/** How errors are expressed: a code for programs, one line for people. cli/failure.ts shows them in commands. */

/** An error that the user can act on. Its message is one line, `what is wrong and why; what to do next`. */
export class CodedError<Code extends string = string> extends Error {
  override readonly name: string = 'CodedError';

  constructor(
    readonly code: Code,
    message: string,
    cause?: unknown,
  ) {
    super(message, { cause });
  }
}

/** Whether it is an error with one of these codes, from the system (`ENOENT`) or ours. */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

/** Wraps anything thrown in an Error. */
export const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

/** The message of anything thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const maxReasonLength = 300;

/** The message as shown on a page or in a list: one line of bounded length. */
export const reasonOf = (error: unknown): string => messageOf(error).replace(/\s+/g, ' ').slice(0, maxReasonLength);
