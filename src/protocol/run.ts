/**
 * Input and output of one run of inference, in the terms of docs/protocol.md: shared by the wire's messages, the
 * machines that route a request, and the engine that answers it.
 */

/** Capabilities of every model in an engine, in the words of `status`. */
export const runCapabilities = ['tools', 'jsonSchema', 'check'] as const;

/** Sampling and length: `prompt.options` of the protocol. Absent fields take the engine's defaults. */
export interface RunOptions {
  /** Counts the tokens of `resumeText` too. Absent: until the model ends or the context is full. */
  readonly maxTokens?: number;
  /** 0 is greedy. */
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly minP?: number;
  /**
   * Equal seeds give equal text. Random numbers depend only on (seed, position), so a resumed run draws the same ones.
   */
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
  /** Text that an earlier run of this request produced. The answer continues right after it and never repeats it. */
  readonly resumeText?: string;
  /** A text claimed to be the answer, to be scored instead of generating one. */
  readonly claimedText?: string;
}

/**
 * A model's assessment of a text claimed to be its answer. Logarithms are natural; for an empty text all values are 0.
 */
export interface Weighing {
  /** In the claimed text. */
  readonly tokens: number;
  /** The model's mean log-probability of the claimed tokens. */
  readonly meanLogProb: number;
  /** The same for the tokens it would have picked in their places, sampled as the request says. */
  readonly ownMeanLogProb: number;
  /** Standard deviation of the difference between the two, over the positions. */
  readonly deviation: number;
  /** Log-probability that the answer ends there; absent if it may have ended for another reason. */
  readonly endLogProb?: number;
}

export type FinishReason = 'stop' | 'length' | 'cancelled' | 'tool_calls';

/** The error codes an engine can end a run with. */
export type RunErrorCode = 'bad_request' | 'prompt_too_long' | 'slot_failed';
