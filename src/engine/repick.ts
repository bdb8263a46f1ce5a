/**
 * A resumed answer is known as text, but not as the tokens in which the model said it: the text may end within a token, and under a
 * grammar a model often spells in small tokens what a tokeniser would read as one. What comes next depends on both. So the
 * model picks the last tokens of the resumed text once more, and where its pick agrees with the text, the pick stands.
 */
import { replacement } from './answer-text.js';

/** What the model's vocabulary answers. */
export interface Vocabulary {
  text(tokens: readonly number[]): string;
  /** The tokens of a text that goes on from what stands before it. */
  continuation(text: string): number[];
  /** Whether the model says with this token that its answer is complete. */
  ends(token: number): boolean;
}

export interface Reading {
  readonly tokens: readonly number[];
  /** What the last token says beyond the text that the client holds. */
  readonly beyond: string;
}

/**
 * How the end of the resumed text is read once the model has picked `picked` as its first token.
 *
 * @param tokens how that end was read before
 * @returns undefined where it is read as before: the pick is the same, or contradicts the text
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
