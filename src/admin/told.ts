/**
 * What of a message between actors is shown: its type, the request that it is about, and a few fields by name. Everything else stays
 * here: prompts, answers, keys and whatever somebody adds to an event tomorrow.
 */
import type { AnyActorRef, AnyEventObject } from 'xstate';
import { requestOfRun } from '../actors/worker-view.js';
import { reasonOf } from '../runtime/restarts.js';

const MAX_REQUEST_LENGTH = 64;
const MAX_ABOUT_LENGTH = 120;

/** Numbers and short words that say how the work goes. */
const shownFields = [
  'slot',
  'peer',
  'promptTokens',
  'done',
  'total',
  'reused',
  'threads',
  'patienceMs',
  'network',
  'isReserve',
  'share',
  'state',
  'open',
  'reason',
] as const;

/** Of those that hold a request's id somewhere, the id. */
interface Mentions {
  readonly run?: unknown;
  readonly key?: unknown;
  readonly id?: unknown;
  readonly order?: { readonly run?: unknown };
  readonly prompt?: { readonly id?: unknown };
  readonly record?: { readonly id?: unknown };
  readonly output?: { readonly key?: unknown };
}

export interface Told {
  readonly type: string;
  readonly request?: string;
  readonly about?: string;
}

export function told(to: AnyActorRef, event: AnyEventObject): Told {
  const request = requestIn(event as Mentions) ?? requestOf(to);
  const about = aboutOf(event);
  return {
    type: typeOf(event),
    ...(request === undefined ? {} : { request }),
    ...(about === '' ? {} : { about }),
  };
}

/** As its chart names it: `after tickMs`, `done: process`. */
const typeOf = ({ type }: AnyEventObject): string =>
  type
    .replace(/^xstate\.after\.([^.]+)\..*$/, 'after $1')
    .replace(/^xstate\.(done|error)\.(actor|state)\./, '$1: ')
    .replace(/\bx:\d+/g, 'x');

/** The request that an actor works on, by its own context. */
export function requestOf(ref: AnyActorRef): string | undefined {
  const { context, value } = (ref.getSnapshot() ?? {}) as { readonly context?: Mentions; readonly value?: unknown };
  const isAtRest = value === 'idle' || value === 'offline'; // a slot remembers its last run
  return context === undefined || isAtRest ? undefined : requestIn({ run: context.run, ...pick(context.record) });
}

const pick = (record: Mentions['record']): Mentions => (record === undefined ? {} : { record });

function requestIn({ run, key, id, order, prompt, record, output }: Mentions): string | undefined {
  const named = text(run ?? order?.run);
  if (named !== undefined) return cut(requestOfRun(named) ?? '');
  const keyed = text(key ?? output?.key);
  if (keyed !== undefined) return cut(keyed.slice(keyed.indexOf('/') + 1));
  const direct = text(prompt?.id ?? record?.id ?? id);
  return direct === undefined ? undefined : cut(direct);
}

function aboutOf(event: AnyEventObject): string {
  const shown = shownFields.flatMap((name) => {
    const value: unknown = event[name];
    return ['string', 'number', 'boolean'].includes(typeof value) ? [`${name} ${String(value)}`] : [];
  });
  const { usage, error } = event as { usage?: { finishReason?: unknown; completionTokens?: unknown }; error?: unknown };
  if (usage !== undefined) shown.push(`${Number(usage.completionTokens)} tokens, ${String(usage.finishReason)}`);
  if (error !== undefined) shown.push(reasonOf(error));
  return shown.join(', ').slice(0, MAX_ABOUT_LENGTH);
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const cut = (id: string): string => id.slice(0, MAX_REQUEST_LENGTH);
