/**
 * A table for a terminal: columns as wide as their widest cell, no borders, a bold head if the terminal supports it.
 */
import Table from 'cli-table3';
import { printable } from './printable.js';

export type Cell = string | number;

export interface TableOptions {
  /** Right-aligned columns, counted from 0: numbers. */
  readonly right?: readonly number[];
  /** Whether the head is bold. By default if stdout is a terminal with colours and NO_COLOR is not set. */
  readonly bold?: boolean;
}

const frame = ['top', 'bottom', 'left', 'right', 'mid'] as const;
const parts = ['', '-mid', '-left', '-right'] as const;
/** cli-table3 draws its borders with these; all are empty except the gap between two columns. */
const chars = {
  ...Object.fromEntries(frame.flatMap((side) => parts.map((part) => [`${side}${part}`, '']))),
  middle: '  ',
};

/** No line end after the last line. Cells may come from strangers, so control characters are removed. */
export function table(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  { right = [], bold = hasColours() }: TableOptions = {},
): string {
  const drawn = new Table({
    head: head.map((title) => (bold ? `\x1b[1m${title}\x1b[22m` : title)),
    colAligns: head.map((_, column) => (right.includes(column) ? 'right' : 'left')),
    chars,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  });
  drawn.push(...rows.map((row) => row.map((cell) => printable(String(cell)))));
  return drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Node takes NO_COLOR, FORCE_COLOR and TERM into account. */
const hasColours = (): boolean => process.stdout.isTTY && process.stdout.hasColors();
