/**
 * Who is let in: the checks that a prompt passes before it may wait, in the order of docs/rules.md. Each refusal is a wire
 * error; the first that applies is the answer.
 */
import type { ErrorCode } from '../protocol/errors.js';
import { limits } from '../protocol/limits.js';
import type { PromptMessage } from '../protocol/messages.js';

/** What admission looks at besides the prompt. */
export interface AdmissionView {
  readonly draining: boolean;
  /** Unfinished requests of this account. */
  readonly unfinishedOfClient: number;
  /** The owner's own requests have no cap. */
  readonly isOwner: boolean;
  readonly models: readonly {
    readonly name: string;
    readonly sha256: string;
    readonly capabilities: readonly string[];
  }[];
  readonly queueFull: boolean;
  /** What a request takes here on average; undefined before the first one. */
  readonly avgResponseMs: number | undefined;
}

export type Admission =
  | { readonly admitted: true; readonly model: { readonly name: string; readonly sha256: string } }
  | { readonly admitted: false; readonly code: ErrorCode; readonly message: string; readonly retryAfterMs?: number };

/** What a client is told to wait when nothing is known yet. */
const retryGuessMs = 1_000;

const refuse = (code: ErrorCode, message: string, retryAfterMs?: number): Admission => ({
  admitted: false,
  code,
  message,
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
});

export function admit(prompt: PromptMessage, view: AdmissionView): Admission {
  if (view.draining) return refuse('shutting_down', 'This worker is being stopped; ask another one.');
  const retryAfterMs = Math.round(view.avgResponseMs ?? retryGuessMs);
  if (!view.isOwner && view.unfinishedOfClient >= limits.maxUnfinishedPerClient)
    return refuse(
      'rate_limited',
      `A client may have ${limits.maxUnfinishedPerClient} unfinished requests at one worker; wait for one to end.`,
      retryAfterMs,
    );
  const model = prompt.model === undefined ? view.models[0] : view.models.find((m) => isModel(m, prompt.model ?? ''));
  if (model === undefined) return refuse('model_not_found', modelNotFound(prompt.model, view.models));
  for (const [capability, field, asked] of [
    ['jsonSchema', 'options.jsonSchema', prompt.options?.jsonSchema !== undefined],
    ['tools', 'tools', (prompt.tools?.length ?? 0) > 0],
    ['check', 'check', prompt.check !== undefined],
  ] as const)
    if (asked && !model.capabilities.includes(capability))
      return refuse('bad_request', `${field}: this worker cannot do that with the model ${model.name}.`);
  if (view.queueFull)
    return refuse('queue_full', 'The queue of this worker is full; try later or elsewhere.', retryAfterMs);
  return { admitted: true, model: { name: model.name, sha256: model.sha256 } };
}

/** A model is asked for by its name or by the SHA-256 of its file. */
export const isModel = (model: { readonly name: string; readonly sha256: string }, asked: string): boolean =>
  model.name === asked || model.sha256 === asked;

function modelNotFound(asked: string | undefined, models: AdmissionView['models']): string {
  if (models.length === 0) return 'This worker has no model ready at the moment.';
  const offered = models.slice(0, 8).map((m) => m.name);
  return `This worker does not serve ${asked ?? 'a model'}; it serves ${offered.join(', ')}.`;
}
