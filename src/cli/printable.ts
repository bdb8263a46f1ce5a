/**
 * Makes text from strangers safe for a terminal: an answer could contain codes that move the cursor or fill the
 * clipboard.
 */

/** Removes control characters except line ends and tabs. */
export const printable = (text: string): string => text.replace(/[^\P{Cc}\n\t]/gu, '');
