/** Reads a question from a pipe. */
import { text as wholeOf } from 'node:stream/consumers';
import { CommandError, exitCode } from './failure.js';

/**
 * @param example what to type instead
 * @throws CommandError if the input has no question
 */
export async function questionFromStdin(example: string): Promise<string> {
  const { stdin } = process;
  const question = stdin.isTTY ? '' : (await wholeOf(stdin)).trim();
  if (question !== '') return question;
  const why = stdin.isTTY ? 'No question was given.' : 'Nothing came through stdin.';
  throw new CommandError('there is nothing to ask', why, `Example: ${example}`, {
    code: 'usage',
    exit: exitCode.usage,
  });
}
