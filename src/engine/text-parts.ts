/**
 * Cuts a long text into parts that are tokenised one by one. A tokenizer takes quadratic time in the length of a word
 * (320,000 digits: two minutes), it cannot be interrupted, and all streams stand still meanwhile.
 */

/** The longest text that is tokenised at once, in UTF-16 code units. Takes about 30 ms, and rarely 130 ms. */
export const maxPartLength = 4_096;

/**
 * Where no common tokenizer joins what is on both sides: it attaches a single space to the word that follows it. Seen
 * with the 19 vocabularies in llama.cpp's repository: 400 kB of prose, Russian and code have the same tokens as uncut
 * (but for two), 60 kB of Chinese and Japanese up to four more or fewer.
 */
const wordStart = /(?<=\S)(?= [\p{L}\p{N}])/gu;
const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

/**
 * The parts in order; joined, they are the text. Cut before a word if one begins in the second half of a part, so that
 * the tokens are the same as those of the whole; else anywhere but within a character, which may cost a token more.
 */
export function* textParts(text: string): Generator<string, void, undefined> {
  let start = 0;
  while (text.length - start > maxPartLength) {
    const end = start + lengthOfPart(text.slice(start, start + maxPartLength + 1));
    yield text.slice(start, end);
    start = end;
  }
  if (start < text.length) yield text.slice(start);
}

/** @param text one unit longer than a part may be */
function lengthOfPart(text: string): number {
  const half = maxPartLength / 2;
  const lastWord = [...text.slice(half).matchAll(wordStart)].at(-1);
  if (lastWord !== undefined && lastWord.index > 0) return half + lastWord.index;
  return isLowSurrogate(text.charCodeAt(maxPartLength)) ? maxPartLength - 1 : maxPartLength;
}
