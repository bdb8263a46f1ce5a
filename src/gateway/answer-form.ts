/** What all answers have in common on their way to a program: their head, the usage at their end, and events to stream them in. */
import type { Ended, Piece } from './choices.js';

export interface Head {
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
  readonly model: string;
  /** Of the model's file: equal seeds may give equal answers where this is equal. Null where it is not known. */
  readonly fingerprint: string | null;
}

/** How one way to ask is answered. */
export interface AnswerForm {
  whole(head: Head, ended: readonly Ended[]): object;
  /** The events that a piece becomes. */
  events(head: Head, piece: Piece): readonly object[];
  /** The last event of a stream, where it was asked for. */
  usageEvent(head: Head, ended: readonly Ended[]): object;
}

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

/** @param n choices of each prompt, which counts once, as with OpenAI */
export function usageOf(ended: readonly Ended[], n: number): Usage {
  const prompts = ended.filter(({ index }) => index % n === 0);
  const read = prompts.reduce((sum, { usage }) => sum + (usage?.promptTokens ?? 0), 0);
  const written = ended.reduce((sum, { usage }) => sum + (usage?.completionTokens ?? 0), 0);
  return { prompt_tokens: read, completion_tokens: written, total_tokens: read + written };
}
