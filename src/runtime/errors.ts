/** What errors say here: to programs by a code, to people in one line. How a command shows them is in cli/failure.ts. */

/** An error that somebody can act on. Its message is one line, `what is wrong and why; what to do next`. */
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

/** Whether it is an error with one of these codes: the system's, such as `ENOENT`, or ours. */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

/** What was thrown, as an error: anything can be thrown. */
export const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

/** What was thrown, in words. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const maxReasonLength = 300;

/** What was thrown, as people are shown it on a page or in a list: one line of bounded length. */
export const reasonOf = (error: unknown): string => messageOf(error).replace(/\s+/g, ' ').slice(0, maxReasonLength);
