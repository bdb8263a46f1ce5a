/** What travels between scheduler, slot and engine about one run: one attempt to answer one request in one slot. */
import type { FinishReason, RunErrorCode, RunRequest, ToolCall, Weighing } from '../protocol/run.js';

/** The order to run a request. `tokens` is the data path: called for every batch, never through a machine. */
export interface RunOrder {
  /** Names this attempt: a second run of the same request has another name, so that late news of the first miss it. */
  readonly run: string;
  /** Whose request it is: only the same client's prefix is reused. */
  readonly account: string;
  readonly request: RunRequest;
  readonly tokens: (text: string, count: number) => void;
}

export interface RunUsage {
  readonly finishReason: FinishReason;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly toolCalls?: readonly ToolCall[];
  readonly weighing?: Weighing;
}

export interface RunFailure {
  readonly code: RunErrorCode;
  readonly message: string;
}
