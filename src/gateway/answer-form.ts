/** What all answers to a program share: the head, the token usage, and the events of a stream. */
import type { Ended, Piece } from './choices.js';

export interface Head {
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
  readonly model: string;
  /** Identifies the model's file: equal seeds can only give equal answers if this is equal. Null if unknown. */
  readonly fingerprint: string | null;
}

/** The shape of one endpoint's answers. */
export interface AnswerForm {
  whole(head: Head, ended: readonly Ended[]): object;
  /** A piece as events. */
  events(head: Head, piece: Piece): readonly object[];
  /** The last event of a stream, if the program asked for usage. */
  usageEvent(head: Head, ended: readonly Ended[]): object;
}

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

/** @param n choices of each prompt; the prompt counts once, as with OpenAI */
export function usageOf(ended: readonly Ended[], n: number): Usage {
  const prompts = ended.filter(({ index }) => index % n === 0);
  const read = prompts.reduce((sum, { usage }) => sum + (usage?.promptTokens ?? 0), 0);
  const written = ended.reduce((sum, { usage }) => sum + (usage?.completionTokens ?? 0), 0);
  return { prompt_tokens: read, completion_tokens: written, total_tokens: read + written };
}
