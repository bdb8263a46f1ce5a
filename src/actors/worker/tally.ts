/**
 * What this worker has done since it started, counted: outside the actors, so that no restart of one of them sets it back. Metrics and
 * the worker's page are made of it.
 */
import type { ErrorCode } from '../../protocol/errors.js';
import type { FinishReason } from '../../protocol/run.js';
import type { Tier } from '../../rules/tiers.js';

/** How a request ended: with an answer, and then why that ended, or with an error. */
export type EndedAs = FinishReason | ErrorCode;

export interface RequestSummary {
  readonly as: EndedAs;
  readonly tier: Tier;
  readonly promptTokens: number;
  readonly tokens: number;
  readonly queuedMs: number;
  /** Undefined where there was none. */
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

  /** Admitted requests. Both maps have as many entries as there are reasons. */
  get ended(): ReadonlyMap<EndedAs, number> {
    return this.#ended;
  }

  /** Requests that were not let in. */
  get refused(): ReadonlyMap<ErrorCode, number> {
    return this.#refused;
  }

  get promptTokens(): number {
    return this.#promptTokens;
  }

  get tokens(): number {
    return this.#tokens;
  }

  /** Engine processes that ended unasked. */
  get engineLosses(): number {
    return this.#engineLosses;
  }

  /** Of clients: well-formed, but no message that fits, and none that is owed an answer. */
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

  /** Called at each end; one listener, the latest. */
  onEnd(listener: (summary: RequestSummary) => void): void {
    this.#onEnd = listener;
  }
}
