import { expect, it } from 'vitest';
import { printable } from '../../../src/cli/printable.js';

it('drops what commands a terminal, and keeps what is read', () => {
  expect(printable('\u001b[2Jgone\u001b]52;c;aGk=\u0007\r\u009b31m')).toBe('[2Jgone]52;c;aGk=31m');
  expect(printable('two\n\tlines, größer 数 👋🏽')).toBe('two\n\tlines, größer 数 👋🏽');
});
