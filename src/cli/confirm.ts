/** A question that a person answers with yes or no. */
import { createInterface } from 'node:readline/promises';

/** Whether somebody is there who reads questions and types answers. */
export const canAsk = (): boolean => process.stdin.isTTY && process.stderr.isTTY;

/** Enter alone is `byDefault`; an end of the input, and anything that is neither yes nor no, is no. */
export async function confirm(question: string, byDefault: boolean): Promise<boolean> {
  const asked = createInterface({ input: process.stdin, output: process.stderr });
  asked.once('SIGINT', () => process.kill(process.pid, 'SIGINT')); // or the question would swallow it
  const closed = new Promise<string>((resolve) => asked.once('close', () => resolve('no')));
  try {
    const answer = await Promise.race([asked.question(`${question} [${byDefault ? 'Y/n' : 'y/N'}] `), closed]);
    const word = answer.trim().toLowerCase();
    return word === '' ? byDefault : ['y', 'yes'].includes(word);
  } finally {
    asked.close();
  }
}
