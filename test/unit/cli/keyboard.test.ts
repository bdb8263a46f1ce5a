/** The keys of a chat, without a terminal: what is typed when, and which message it becomes. */
import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { noHistory } from '../../../src/cli/chat/input-history.js';
import { Keyboard, type Terminal } from '../../../src/cli/chat/keyboard.js';

function keyboard() {
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => input });
  const output = Object.assign(new PassThrough(), { columns: 80, isTTY: true });
  const keys = new Keyboard({ input, output } as unknown as Terminal, noHistory(), () => []);
  const type = async (text: string): Promise<void> => {
    input.write(text);
    await turn();
  };
  return { keys, type };
}

it('an Enter ends a message, Ctrl-C throws it away, and Ctrl-D leaves', async () => {
  const { keys, type } = keyboard();
  for (const [typed, read] of [
    ['hello\r', 'hello'],
    ['hel\x03', ''],
    ['\x04', undefined],
  ] as const) {
    const message = keys.read();
    await type(typed);
    expect(await message).toBe(read);
  }
});

it('what comes in one piece with an Enter, or while an answer comes, begins the next message', async () => {
  const { keys, type } = keyboard();
  const first = keys.read();
  await type('one\rtwo\rthree');
  expect(await first).toBe('one');
  const unwatch = keys.watch(() => {});
  await type(' and\r');
  await type('\x1b[A');
  unwatch();
  const second = keys.read();
  await type('four\r');
  expect(await second).toBe('two three and four');
});

it('Ctrl-C stops an answer, once for each time it is pressed', async () => {
  const { keys, type } = keyboard();
  let stops = 0;
  const unwatch = keys.watch(() => stops++);
  await type('\x03');
  unwatch();
  await type('\x03');
  expect(stops).toBe(1);
});
