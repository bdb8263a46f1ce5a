/** A table on a terminal: columns as wide as their widest cell, no borders, its head in bold where the terminal shows that. */
import Table from 'cli-table3';
import { printable } from './printable.js';

export type Cell = string | number;

export interface TableOptions {
  /** Columns, counted from 0, that stand at their right edge: numbers. */
  readonly right?: readonly number[];
  /** Whether the head is in bold. By default where stdout is a terminal with colours, and NO_COLOR is not set. */
  readonly bold?: boolean;
}

const frame = ['top', 'bottom', 'left', 'right', 'mid'] as const;
const parts = ['', '-mid', '-left', '-right'] as const;
/** cli-table3 draws its borders with these; all but the gap between two columns are nothing. */
const chars = {
  ...Object.fromEntries(frame.flatMap((side) => parts.map((part) => [`${side}${part}`, '']))),
  middle: '  ',
};

/** Lines without a line end after the last. Cells may come from strangers: what would move a cursor is left out. */
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

/** Node looks at NO_COLOR, FORCE_COLOR and TERM by itself. */
const hasColours = (): boolean => process.stdout.isTTY && process.stdout.hasColors();
