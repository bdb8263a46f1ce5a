/** How many terminal columns a character takes. */

/** Combining marks and invisible characters. */
const nothing = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
/** Wide by East Asian Width, listed by script, and emoji drawn as pictures. */
const wide =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]$/u;
const halfwidth = /^[\uff61-\uffdc]$/u;

/** @param char one code point */
export const charWidth = (char: string): 0 | 1 | 2 => {
  if (char < '\u0300') return 1;
  if (nothing.test(char)) return 0;
  return wide.test(char) && !halfwidth.test(char) ? 2 : 1;
};

export const displayWidth = (text: string): number =>
  Array.from(text, charWidth).reduce<number>((sum, width) => sum + width, 0);
