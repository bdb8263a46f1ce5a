/**
 * Has a share of a client's answers checked by a second worker that serves the same model, after they have ended: as ordinary requests,
 * which neither delay nor change the answers. What comes of it affects only whom this client asks from then on. Off unless a share is
 * set, since the second worker sees prompt and answer.
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

/** Under way at once. What ends meanwhile is not checked. */
const maxChecks = 4;
/** A check that takes longer is given up. */
const deadlineMs = 30_000;

/** What a second worker says of an answer. */
export interface CheckedAnswer {
  /** Whose answer it is. */
  readonly worker: string;
  /** Whose word this is. */
  readonly checker: string;
  /** SHA-256 of the model that it was weighed with. */
  readonly model: string;
  /** `valid`; `too_short` to be judged; `improbable` for this model; `cut_short`. Of a newer worker perhaps another word. */
  readonly verdict: string;
  readonly tokens: number;
  readonly meanLogProb: number;
  /** Whether this client now asks others before that worker. */
  readonly isAvoided: boolean;
  /** What was checked. */
  readonly text: string;
}

export interface SpotCheckDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly directory: WorkerDirectory;
  readonly fallback: LocalFallback | undefined;
  /** Of the answers that can be checked: from 0 to 1. */
  readonly share: number;
  /** @returns undefined where the client takes no more requests. */
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
  /** Hears of each check that came to an end. */
  onChecked: ((checked: CheckedAnswer) => void) | undefined;
  readonly #deps: SpotCheckDeps;
  #underWay = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(deps: SpotCheckDeps) {
    this.#deps = deps;
  }

  /** An answer has ended well. */
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

  /** Calls back once no check is under way: at once where none is. */
  whenSettled(settled: () => void): void {
    if (this.#underWay === 0) settled();
    else this.#waiting.push(settled);
  }

  /** Only of what one worker alone has made it is known whose work it is. */
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

  /** Someone who had no part in it, serves the same file, and can weigh. */
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

/** The same question and the same sampling. What ended by its length is not judged by its end. */
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
