/** Yes-or-no questions to a person. */
import { createInterface } from 'node:readline/promises';

/** Whether somebody is there to read a question and answer it. */
export const canAsk = (): boolean => process.stdin.isTTY && process.stderr.isTTY;

/** Enter alone means `byDefault`. End of input, and anything that is neither yes nor no, means no. */
export async function confirm(question: string, byDefault: boolean): Promise<boolean> {
  const asked = createInterface({ input: process.stdin, output: process.stderr });
  asked.once('SIGINT', () => process.kill(process.pid, 'SIGINT')); // readline would swallow it
  const closed = new Promise<string>((resolve) => asked.once('close', () => resolve('no')));
  try {
    const answer = await Promise.race([asked.question(`${question} [${byDefault ? 'Y/n' : 'y/N'}] `), closed]);
    const word = answer.trim().toLowerCase();
    return word === '' ? byDefault : ['y', 'yes'].includes(word);
  } finally {
    asked.close();
  }
}
