/** What travels between scheduler, slot and engine about one run: one attempt to answer one request in one slot. */
import type { FinishReason, RunErrorCode, RunRequest, ToolCall } from '../protocol/run.js';

/** The order to run a request. `tokens` is the data path: called for every batch, never through a machine. */
export interface RunOrder {
  /** The request's key at the scheduler: account and id. */
  readonly key: string;
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
}

export interface RunFailure {
  readonly code: RunErrorCode;
  readonly message: string;
}
