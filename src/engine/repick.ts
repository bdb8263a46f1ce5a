/**
 * The text of a resumed answer is known, but not the tokens the model wrote it in: the text may end inside a token, and under
 * a grammar a model often spells in several tokens what a tokeniser reads as one. What comes next depends on the tokens. So
 * the model picks the last tokens of the text once more, and a pick that agrees with the text stands.
 */
import { replacement } from './answer-text.js';

/** What a run needs from the tokeniser. */
export interface Vocabulary {
  text(tokens: readonly number[]): string;
  /** The tokens of a text that continues what comes before it. */
  continuation(text: string): number[];
  /** Whether the model ends its answer with this token. */
  ends(token: number): boolean;
}

export interface Reading {
  readonly tokens: readonly number[];
  /** What the last token adds to the text that the client holds. */
  readonly beyond: string;
}

/**
 * Splits the end of the resumed text into tokens, given that the model picked `picked` as the first of them.
 *
 * @param tokens how that end was split before
 * @returns undefined if that stands: the pick is the same token, or contradicts the text
 */
export function readAgain(
  vocabulary: Vocabulary,
  resumedText: string,
  tokens: readonly number[],
  picked: number,
): Reading | undefined {
  if (picked === tokens[0] || vocabulary.ends(picked)) return undefined;
  const held = vocabulary.text(tokens);
  const text = vocabulary.text([picked]);
  const isWhole = text !== '' && !text.endsWith(replacement) && resumedText.endsWith(held);
  if (!isWhole) return undefined;
  if (held.startsWith(text))
    return { tokens: [picked, ...vocabulary.continuation(held.slice(text.length))], beyond: '' };
  return text.startsWith(held) ? { tokens: [picked], beyond: text.slice(held.length) } : undefined;
}
