/**
 * What one run of inference takes and gives, in the words of docs/protocol.md: shared by the wire's messages, the machines
 * that route a request, and the engine that answers it.
 */

/** What an engine can do with every model, in the words of `status`. */
export const runCapabilities = ['tools', 'jsonSchema', 'check'] as const;

/** Sampling and length, as protocol.md's `prompt.options`. Absent fields take the engine's defaults. */
export interface RunOptions {
  /** Counts the tokens of `resumeText` too. Absent: until the model ends, or the context is full. */
  readonly maxTokens?: number;
  /** 0 is greedy. */
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly minP?: number;
  /** Equal seed, equal text. Random numbers depend on (seed, position) alone, so a resumed run draws the same ones. */
  readonly seed?: number;
  readonly stop?: readonly string[];
  readonly repeatPenalty?: number;
  readonly jsonSchema?: Readonly<Record<string, unknown>>;
}

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

export interface ToolDefinition {
  readonly name: string;
  readonly description?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
}

export interface ToolCall {
  readonly name: string;
  readonly arguments: unknown;
}

/** Exactly one of `prompt` and `messages`. */
export interface RunRequest {
  readonly prompt?: string;
  readonly messages?: readonly ChatMessage[];
  readonly options?: RunOptions;
  readonly tools?: readonly ToolDefinition[];
  /** What an earlier run of the same request already produced: the answer goes on right after it, and never repeats it. */
  readonly resumeText?: string;
  /** In place of an answer: a text that is claimed to be one, to be weighed. */
  readonly claimedText?: string;
}

/** What a model makes of a text that is claimed to be its answer. Logarithms are natural; of no token, all are 0. */
export interface Weighing {
  /** Of the claimed text. */
  readonly tokens: number;
  /** The model's own log-probability of the claimed tokens, on average. */
  readonly meanLogProb: number;
  /** The same of the tokens that it would have picked in their places, sampled as the request says. */
  readonly ownMeanLogProb: number;
  /** Standard deviation, over the places, of the difference between the two. */
  readonly deviation: number;
  /** That the answer ends where the claimed text does; absent where it may have ended for another reason. */
  readonly endLogProb?: number;
}

export type FinishReason = 'stop' | 'length' | 'cancelled' | 'tool_calls';

/** The error codes that an engine can give to a run. */
export type RunErrorCode = 'bad_request' | 'prompt_too_long' | 'slot_failed';
