/**
 * What the worker process and an engine process say to each other. An engine is one forked process that holds one model
 * (docs/architecture.md, Inference); these messages cross its IPC channel as structured clones: commands one by one, events
 * as arrays of what came together.
 *
 * A **run** is one attempt to answer one request in one slot. Its number is unique for the life of the engine process.
 * Every `run` command is answered by exactly one `ended` or `failed`, unless the process dies.
 */
import type { FinishReason, RunErrorCode, RunRequest, ToolCall, Weighing } from '../protocol/run.js';

export type {
  ChatMessage,
  FinishReason,
  RunErrorCode,
  RunOptions,
  RunRequest,
  ToolCall,
  ToolDefinition,
  Weighing,
} from '../protocol/run.js';

export interface LoadOptions {
  readonly modelPath: string;
  /** Tokens per sequence. */
  readonly contextSize: number;
  /** Slots: how many sequences one context holds. */
  readonly slots: number;
  /** Compute threads. Absent: chosen by the engine. */
  readonly threads?: number;
  /** -1 automatic, 0 CPU only, N layers. */
  readonly gpuLayers: number;
  /** Looks at every weight while loading, and refuses a file with damaged ones. For a model that is tried out. */
  readonly checkTensors?: boolean;
}

export type EngineCommand =
  | ({ readonly type: 'load' } & LoadOptions)
  /** `reuse`: what the slot still holds may be reused, since it is the same client's, or prefixes are shared. */
  | {
      readonly type: 'run';
      readonly run: number;
      readonly slot: number;
      readonly reuse: boolean;
      readonly request: RunRequest;
    }
  /** Acts at the next token or prefill slice; the run then ends with `finishReason: 'cancelled'`. Unknown runs are ignored. */
  | { readonly type: 'cancel'; readonly run: number }
  /** Compute threads from now on; acts on a live context. */
  | { readonly type: 'threads'; readonly threads: number }
  /** Cancel all, wait until idle, free the model, exit 0. */
  | { readonly type: 'stop' };

/** What was loaded, and what was chosen for it. */
export interface LoadedModel {
  readonly contextSize: number;
  /** The context the model was trained for. */
  readonly trainContextSize: number;
  readonly slots: number;
  readonly threads: number;
  /** 'cuda', 'metal', 'vulkan', or 'cpu'. */
  readonly device: string;
  readonly gpuLayers: number;
  /** Name of the chat wrapper in use; 'raw' where the model has none that is known. */
  readonly chatFormat: string;
  /** Of protocol.md's `capabilities`. */
  readonly capabilities: readonly string[];
}

export type EngineEvent =
  /** The process is up and llama.cpp's binding is loaded; it waits for `load`. */
  | { readonly type: 'up' }
  | { readonly type: 'load_progress'; readonly share: number }
  | { readonly type: 'loaded'; readonly model: LoadedModel }
  /** The model was refused cleanly. The process stays up and may be told to `stop`. */
  | { readonly type: 'load_failed'; readonly message: string }
  /** The prompt was tokenised and fits; prefill begins. `reused` tokens need no evaluation. */
  | { readonly type: 'started'; readonly run: number; readonly promptTokens: number; readonly reused: number }
  /** After each prefill slice, so that progress can be told from a hang. */
  | { readonly type: 'prefill'; readonly run: number; readonly done: number; readonly total: number }
  /**
   * New text. `tokens` counts what it holds. Never half a character; never part of a stop string. Empty, with a count of 0, where
   * tokens were picked for a second whose text may not leave yet. The counts add up to `completionTokens`, which also counts a call of
   * a tool: a call is not streamed but comes whole in `ended`.
   */
  | { readonly type: 'tokens'; readonly run: number; readonly text: string; readonly tokens: number }
  | {
      readonly type: 'ended';
      readonly run: number;
      readonly finishReason: FinishReason;
      readonly promptTokens: number;
      readonly completionTokens: number;
      readonly toolCalls?: readonly ToolCall[];
      /** Of a claimed text: what was asked for in place of an answer. */
      readonly weighing?: Weighing;
    }
  | { readonly type: 'failed'; readonly run: number; readonly code: RunErrorCode; readonly message: string }
  | {
      /** The processors in the last `windowMs`. Some twice a second while it computes, once after that, never while it rests. */
      readonly type: 'usage';
      readonly windowMs: number;
      /** Processor time of this process. */
      readonly cpuMs: number;
      /** Cores that all other programs kept busy, of those that this process may use. */
      readonly othersCores: number;
    };
