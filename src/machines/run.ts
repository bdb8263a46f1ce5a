/** Messages between scheduler, slot and engine about one run: one attempt to answer one request in one slot. */
import type { FinishReason, RunErrorCode, RunRequest, ToolCall, Weighing } from '../protocol/run.js';

/** The order to run a request. `tokens` is the data path: called for every batch, never through a machine. */
export interface RunOrder {
  /**
   * Names this attempt. A second run of the same request has a different name, so late news of the first one is
   * ignored.
   */
  readonly run: string;
  /** Whose request it is: a cached prefix is reused for the same account only, unless `QMESH_SHARE_PREFIX` is set. */
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
