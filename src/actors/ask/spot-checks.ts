/**
 * Has a share of a client's finished answers checked by a second worker that serves the same model. Checks are ordinary
 * requests that neither delay nor change the answers; their outcome affects only whom this client asks from then on.
 * Off unless a share is set, since the second worker sees prompt and answer.
 */
import { limits } from '../../protocol/limits.js';
import type { InferenceResultMessage } from '../../protocol/messages.js';
import { selectWorker } from '../../rules/selection.js';
import { spotCheckRules } from '../../rules/spot-check.js';
import { isFailed } from '../../rules/suspicion.js';
import type { Clock } from '../../runtime/clock.js';
import type { Random } from '../../runtime/random.js';
import type { AskAnswer } from './answer.js';
import type { AskCallbacks, AskRequest, ClientRequest, LocalFallback } from '../ask.actor.js';
import type { WorkerDirectory } from './worker-directory.js';

/** Concurrent checks. Answers that end meanwhile are not checked. */
const maxChecks = 4;
/** A check that takes longer is abandoned. */
const deadlineMs = 30_000;

/** A second worker's verdict on an answer. */
export interface CheckedAnswer {
  /** The worker that gave the answer. */
  readonly worker: string;
  /** The worker that gave the verdict. */
  readonly checker: string;
  /** SHA-256 of the model it was checked with. */
  readonly model: string;
  /**
   * `valid`; `too_short` to be judged; `improbable` for this model; `cut_short`. Newer workers may send other words.
   */
  readonly verdict: string;
  readonly tokens: number;
  readonly meanLogProb: number;
  /** Whether this client now prefers other workers to that one. */
  readonly isAvoided: boolean;
  /** The text that was checked. */
  readonly text: string;
}

export interface SpotCheckDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly directory: WorkerDirectory;
  readonly fallback: LocalFallback | undefined;
  /** Share of the answers that can be checked, from 0 to 1. */
  readonly share: number;
  /** @returns undefined if the client takes no more requests. */
  readonly ask: (request: ClientRequest, on: AskCallbacks) => unknown;
}

/** An answer that can be checked. */
interface Work {
  readonly text: string;
  readonly result: InferenceResultMessage;
  readonly worker: string;
  readonly tried: readonly string[];
}

export class SpotChecks {
  /** Called for each check that finished. */
  onChecked: ((checked: CheckedAnswer) => void) | undefined;
  readonly #deps: SpotCheckDeps;
  #underWay = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(deps: SpotCheckDeps) {
    this.#deps = deps;
  }

  /** Call when an answer has ended successfully. */
  consider(request: AskRequest, answer: AskAnswer): void {
    const { share, random, ask } = this.#deps;
    if (share === 0 || this.#underWay >= maxChecks) return;
    const work = this.#workOf(request, answer);
    if (work === undefined || random.next() >= share) return;
    const checker = this.#checker(work);
    if (checker === undefined) return;
    this.#underWay++;
    const begun = ask(checkOf(request, work, checker), {
      text: () => {},
      end: ({ result }) => {
        if (result?.check !== undefined) this.#hear(work, checker, result.check);
        this.#end();
      },
    });
    if (begun === undefined) this.#end();
  }

  /** Calls back once no check is running; immediately if none is. */
  whenSettled(settled: () => void): void {
    if (this.#underWay === 0) settled();
    else this.#waiting.push(settled);
  }

  /** Only if one worker alone produced the answer is it clear whose work it is. */
  #workOf({ options, tools = [] }: AskRequest, { text, result, tries, authors }: AskAnswer): Work | undefined {
    const tried = tries.map(({ worker }) => worker);
    const worker = tried.at(-1);
    const isJudged =
      result !== undefined &&
      (result.finishReason === 'stop' || result.finishReason === 'length') &&
      options?.jsonSchema === undefined &&
      tools.length === 0;
    if (!isJudged || worker === undefined || this.#deps.fallback?.has(worker) === true) return undefined;
    if (authors.length !== 1 || authors[0] !== worker) return undefined;
    const isTooShort = Buffer.byteLength(text) < spotCheckRules.minTokens; // no token is shorter than a byte
    return isTooShort ? undefined : { text, result, worker, tried };
  }

  /** A worker that did not contribute, serves the same file and can check. */
  #checker({ result, tried }: Work): string | undefined {
    const { directory, fallback, clock, random } = this.#deps;
    const { sha256 } = result.model;
    const able = directory
      .candidates()
      .filter(
        ({ worker, status }) =>
          !tried.includes(worker) &&
          fallback?.has(worker) !== true &&
          status.models.some((model) => model.sha256 === sha256 && model.capabilities.includes('check')),
      );
    const wish = { model: sha256, pin: undefined, account: undefined, tried };
    return selectWorker(able, wish, clock.monotonicMs(), () => random.next())?.worker;
  }

  #hear({ worker, text, result }: Work, checker: string, check: NonNullable<InferenceResultMessage['check']>): void {
    const { suspicions } = this.#deps.directory;
    if (isFailed(check.verdict)) suspicions.hear(checker, worker);
    const isAvoided = suspicions.avoids(worker);
    this.onChecked?.({ worker, checker, model: result.model.sha256, ...check, isAvoided, text });
  }

  #end(): void {
    this.#underWay--;
    if (this.#underWay === 0) for (const settled of this.#waiting.splice(0)) settled();
  }
}

/** The same prompt and sampling. An answer that ended at its length limit is not judged by its ending. */
function checkOf(
  { prompt, messages, options = {} }: AskRequest,
  { text, result }: Work,
  checker: string,
): ClientRequest {
  const { maxTokens: _maxTokens, ...sampling } = options;
  const length = Math.min(limits.maxTokens, Math.max(1, result.usage.completionTokens));
  const { sha256 } = result.model;
  return {
    ...(prompt === undefined ? {} : { prompt }),
    ...(messages === undefined ? {} : { messages }),
    options: result.finishReason === 'length' ? { ...sampling, maxTokens: length } : sampling,
    model: sha256,
    check: { text, model: sha256 },
    pin: checker,
    deadlineMs,
  };
}
