/**
 * Counters of what this worker has done since it started. Kept outside the actors, so that no restart of one resets
 * them. The source of the metrics and the worker's page.
 */
import type { ErrorCode } from '../../protocol/errors.js';
import type { FinishReason } from '../../protocol/run.js';
import type { Tier } from '../../rules/tiers.js';

/** How a request ended: for an answer its finish reason, otherwise the error code. */
export type EndedAs = FinishReason | ErrorCode;

export interface RequestSummary {
  readonly as: EndedAs;
  readonly tier: Tier;
  readonly promptTokens: number;
  readonly tokens: number;
  readonly queuedMs: number;
  /** Undefined if there was no first token. */
  readonly firstTokenMs: number | undefined;
  readonly totalMs: number;
}

export class Tally {
  readonly #ended = new Map<EndedAs, number>();
  readonly #refused = new Map<ErrorCode, number>();
  #promptTokens = 0;
  #tokens = 0;
  #engineLosses = 0;
  #droppedFrames = 0;
  #onEnd: (summary: RequestSummary) => void = () => {};

  /** Admitted requests by how they ended. */
  get ended(): ReadonlyMap<EndedAs, number> {
    return this.#ended;
  }

  /** Requests that were not admitted, by code. */
  get refused(): ReadonlyMap<ErrorCode, number> {
    return this.#refused;
  }

  get promptTokens(): number {
    return this.#promptTokens;
  }

  get tokens(): number {
    return this.#tokens;
  }

  /** Engine processes that ended without being told to. */
  get engineLosses(): number {
    return this.#engineLosses;
  }

  /** Frames from clients that were well-formed but no valid message, and not owed an answer. */
  get droppedFrames(): number {
    return this.#droppedFrames;
  }

  end(summary: RequestSummary): void {
    this.#ended.set(summary.as, (this.#ended.get(summary.as) ?? 0) + 1);
    this.#promptTokens += summary.promptTokens;
    this.#tokens += summary.tokens;
    this.#onEnd(summary);
  }

  refuse(code: ErrorCode): void {
    this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1);
  }

  dropFrame(): void {
    this.#droppedFrames++;
  }

  loseEngine(): void {
    this.#engineLosses++;
  }

  /** Called at each end. There is one listener; a new one replaces it. */
  onEnd(listener: (summary: RequestSummary) => void): void {
    this.#onEnd = listener;
  }
}
