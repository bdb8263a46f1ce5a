/** Styles for a terminal that supports them; plain text for everything else: pipes, `NO_COLOR`, `TERM=dumb`. */

export interface Paint {
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warn: (text: string) => string;
}

const styled =
  (start: number, end: number) =>
  (text: string): string =>
    `\x1b[${start}m${text}\x1b[${end}m`;

const plain = (text: string): string => text;

/** `hasColors` takes NO_COLOR, FORCE_COLOR and TERM into account. */
export const paintFor = (out: Pick<NodeJS.WriteStream, 'isTTY' | 'hasColors'>): Paint =>
  out.isTTY && out.hasColors()
    ? { dim: styled(2, 22), bold: styled(1, 22), good: styled(32, 39), bad: styled(31, 39), warn: styled(33, 39) }
    : { dim: plain, bold: plain, good: plain, bad: plain, warn: plain };
