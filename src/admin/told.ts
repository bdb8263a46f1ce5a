/**
 * Which parts of a message between actors are shown: its type, the request it is about, and a few fields by name.
 * Everything else stays in the process: prompts, answers, keys, and any field added to an event later.
 */
import type { AnyActorRef, AnyEventObject } from 'xstate';
import { requestOfRun } from '../actors/worker/worker-view.js';
import { reasonOf } from '../runtime/errors.js';

const maxRequestLength = 64;
const maxAboutLength = 120;

/** Numbers and short words that describe progress. */
const shownFields = new Set([
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
]);

/** Cache by event type; there are about a hundred types. */
const maxKnownTypes = 1_000;
const chartTypes = new Map<string, string>();

/** The fields in which messages and contexts carry a request's id. */
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

/** @param request the request it is about, from `requestOfMessage` */
export function told(event: AnyEventObject, request: string | undefined): Told {
  const about = aboutOf(event);
  return {
    type: typeOf(event),
    ...(request === undefined ? {} : { request }),
    ...(about === '' ? {} : { about }),
  };
}

function typeOf({ type }: AnyEventObject): string {
  const known = chartTypes.get(type);
  if (known !== undefined) return known;
  const named = inChart(type);
  if (chartTypes.size < maxKnownTypes) chartTypes.set(type, named);
  return named;
}

/** As the chart labels it: `after tickMs`, `done: process`. */
const inChart = (type: string): string =>
  type
    .replace(/^xstate\.after\.([^.]+)\..*$/, 'after $1')
    .replace(/^xstate\.(done|error)\.(actor|state)\./, '$1: ')
    .replace(/\bx:\d+/g, 'x');

/** The request that a message is about. */
export const requestOfMessage = (to: AnyActorRef, event: AnyEventObject): string | undefined =>
  requestIn(event as Mentions) ?? requestOf(to);

/** The request that an actor works on, according to its context. */
export function requestOf(ref: AnyActorRef): string | undefined {
  const { context, value } = (ref.getSnapshot() ?? {}) as { readonly context?: Mentions; readonly value?: unknown };
  const isAtRest = value === 'idle' || value === 'offline'; // a slot's context keeps its last run
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
  const shown: string[] = [];
  for (const [name, value] of Object.entries(event)) {
    if (shownFields.has(name) && isPlain(value)) shown.push(`${name} ${value}`);
  }
  const { usage, error } = event as { usage?: { finishReason?: unknown; completionTokens?: unknown }; error?: unknown };
  if (usage !== undefined) shown.push(`${Number(usage.completionTokens)} tokens, ${String(usage.finishReason)}`);
  if (error !== undefined) shown.push(reasonOf(error));
  return shown.join(', ').slice(0, maxAboutLength);
}

const isPlain = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const cut = (id: string): string => id.slice(0, maxRequestLength);
