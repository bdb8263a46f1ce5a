/** Tables as a terminal shows them. */
import { expect, it } from 'vitest';
import { table } from '../../../src/cli/table.js';

const rows = [
  ['qwen', '1.5 GB', 'here'],
  ['模型', '12 MB', ''],
];

it('has columns as wide as their widest cell, numbers at the right, and nothing after the last', () => {
  expect(table(['NAME', 'SIZE', ''], rows, { right: [1], bold: false }).split('\n')).toEqual([
    'NAME    SIZE',
    'qwen  1.5 GB  here',
    '模型   12 MB',
  ]);
});

it('shows its head in bold without a column moving', () => {
  const [head, first] = table(['NAME', 'SIZE'], [['a', 'b']], { bold: true }).split('\n');
  expect(head).toBe('\x1b[1mNAME\x1b[22m  \x1b[1mSIZE\x1b[22m');
  expect(first).toBe('a     b');
});

it('leaves out what a stranger would do to the terminal', () => {
  expect(table(['NAME'], [['\x1b]52;c;eA==\x07evil']], { bold: false })).toBe('NAME\n]52;c;eA==evil');
});
