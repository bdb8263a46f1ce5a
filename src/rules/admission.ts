/**
 * Admission: the checks a prompt passes before it may wait, in the order of docs/rules.md. Each refusal is a wire
 * error, and the first that applies is the answer. Checks of the client (`admitClient`) precede checks of the request
 * (`admitRequest`).
 */
import type { ErrorCode } from '../protocol/errors.js';
import { limits } from '../protocol/limits.js';
import type { PromptMessage } from '../protocol/messages.js';
import { isModel } from '../protocol/model-name.js';
import type { Tier } from './tiers.js';
import { isWorkAsked } from './work.js';

/** Why a prompt did not become a request. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryAfterMs?: number;
  /** With `work_required`: the proof to compute. */
  readonly work?: { readonly challenge: string; readonly bits: number };
}

const refuse = (code: ErrorCode, message: string, retryAfterMs?: number): Refusal => ({
  code,
  message,
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
});

/**
 * Verdict on a proof of work. `late`: its challenge has expired or was used already, which can happen to an honest
 * client.
 */
export type ProofVerdict = 'missing' | 'good' | 'late' | 'useless';

/** What admission knows about a client. */
export interface ClientView {
  /** The worker's own account, exempt from all of this. */
  readonly isOwner: boolean;
  readonly tier: Tier;
  /** Whether the owner serves it, by QMESH_ALLOW and QMESH_DENY. */
  readonly access: 'open' | 'denied' | 'not_named';
  /** Remaining ban for its conduct at this worker; 0 means none. */
  readonly banLeftMs: number;
  /**
   * Remaining ban by evidence, which holds everywhere: nobody attests work done for it, so serving it is not paid. 0
   * means none.
   */
  readonly provenBanLeftMs: number;
  /** Until its token bucket lets the next request in. */
  readonly bucketWaitMs: number;
  /** Its unfinished requests here. */
  readonly unfinished: number;
  /** Mean response time here; undefined before the first. */
  readonly avgResponseMs: number | undefined;
  /** A state of rules/health.ts. */
  readonly health: string;
  /** Called only if a proof is needed, at most once. */
  readonly proof: () => ProofVerdict;
}

/** Undefined if the client may ask. The caller adds the challenge to a `work_required`. */
export function admitClient(view: ClientView): Refusal | undefined {
  if (view.isOwner) return undefined;
  if (view.access !== 'open') return refuse('banned', accessProblems[view.access]);
  if (view.banLeftMs > 0)
    return refuse(
      'banned',
      `This client broke the rules of this worker too often, and is refused for another ${seconds(view.banLeftMs)}.`,
      view.banLeftMs,
    );
  if (view.provenBanLeftMs > 0)
    return refuse(
      'banned',
      'This account signed two versions of one receipt or acknowledgement, and is refused by every worker for 30 days.',
      view.provenBanLeftMs,
    );
  if (view.bucketWaitMs > 0)
    return refuse(
      'rate_limited',
      `Too many requests; the next one is taken in ${seconds(view.bucketWaitMs)}.`,
      view.bucketWaitMs,
    );
  if (view.unfinished >= limits.maxUnfinishedPerClient)
    return refuse(
      'rate_limited',
      `A client may have ${limits.maxUnfinishedPerClient} unfinished requests at one worker; wait for one to end.`,
      meanResponseMs(view),
    );
  if (isWorkAsked(view.tier, view.health)) {
    const proof = view.proof();
    if (proof !== 'good') return refuse('work_required', workProblems[proof]);
  }
  return undefined;
}

const accessProblems = {
  denied: 'The owner of this worker does not serve this client; ask another worker.',
  not_named: 'This worker serves only clients that its owner has named; ask another worker.',
} as const;

const workProblems = {
  missing: 'This worker is busy and asks guests for a proof of work; send the request again with one.',
  late: 'The challenge of this proof of work has expired or served already; here is another one.',
  useless: 'This is no proof of work for a challenge of this worker; here is another challenge.',
} as const;

/** What admission looks at besides the prompt. */
export interface AdmissionView {
  readonly isOwner: boolean;
  readonly models: readonly {
    readonly name: string;
    readonly sha256: string;
    readonly capabilities: readonly string[];
  }[];
  /** The served name most similar to the requested one, if any is close. */
  readonly meant?: string | undefined;
  /** Capacity of the machine, 0..100; see rules/health.ts. */
  readonly healthCapacity: number;
  readonly queueFull: boolean;
  readonly avgResponseMs: number | undefined;
}

export type Admission =
  | { readonly admitted: true; readonly model: { readonly name: string; readonly sha256: string } }
  | ({ readonly admitted: false } & Refusal);

/** Health is sampled every 2 s, and a state is left after two samples that agree. */
const overloadedRetryMs = 4_000;

export function admitRequest(prompt: PromptMessage, view: AdmissionView): Admission {
  const no = (refusal: Refusal): Admission => ({ admitted: false, ...refusal });
  const asked = askedModel(prompt);
  const model = offeredModel(asked, view.models);
  if (model === undefined) return no(refuse('model_not_found', modelNotFound(asked, view)));
  for (const [capability, field, isAsked] of [
    ['jsonSchema', 'options.jsonSchema', prompt.options?.jsonSchema !== undefined],
    ['tools', 'tools', (prompt.tools?.length ?? 0) > 0],
    ['check', 'check', prompt.check !== undefined],
  ] as const)
    if (isAsked && !model.capabilities.includes(capability))
      return no(refuse('bad_request', `${field}: this worker cannot do that with the model ${model.name}.`));
  if (view.healthCapacity === 0 && !view.isOwner)
    return no(
      refuse('overloaded', 'The machine of this worker is needed by its owner; ask another one.', overloadedRetryMs),
    );
  if (view.queueFull)
    return no(refuse('queue_full', 'The queue of this worker is full; try later or elsewhere.', meanResponseMs(view)));
  return { admitted: true, model: { name: model.name, sha256: model.sha256 } };
}

/** Reported while nothing is known yet. */
const retryGuessMs = 1_000;

export const meanResponseMs = ({ avgResponseMs }: { readonly avgResponseMs: number | undefined }): number =>
  Math.round(avgResponseMs ?? retryGuessMs);

const seconds = (ms: number): string => `${Math.ceil(ms / 1000).toLocaleString('en')} s`;

/** A spot check names the model that is claimed to have answered. */
export const askedModel = ({ model, check }: PromptMessage): string | undefined => check?.model ?? model;

/** The requested model; the first if none is named. */
export const offeredModel = <Model extends { readonly name: string; readonly sha256: string }>(
  asked: string | undefined,
  models: readonly Model[],
): Model | undefined => (asked === undefined ? models[0] : models.find((model) => isModel(model, asked)));

function modelNotFound(asked: string | undefined, { models, meant }: AdmissionView): string {
  if (models.length === 0) return 'This worker has no model ready at the moment.';
  const offered = models.slice(0, 8).map((m) => m.name);
  return `This worker does not serve ${asked ?? 'a model'}; it serves ${offered.join(', ')}.${meant === undefined ? '' : ` Did you mean ${meant}?`}`;
}
