/** What strangers say, made harmless for a terminal: an answer could hold the codes that move its cursor or fill its clipboard. */

/** Without control characters, but for line ends and tabs. */
export const printable = (text: string): string => text.replace(/[^\P{Cc}\n\t]/gu, '');
