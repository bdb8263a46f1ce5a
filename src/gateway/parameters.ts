/**
 * What both endpoints share: parsing a body by its schema, and the sampling parameters. A parameter is one of four
 * things: **supported**; **ignored**, because it does not affect the answer (`user`, `metadata`); **refused**, by name
 * and with the reason, unless its value requests nothing; or **unknown**, which is also refused, since it is a mistake
 * or asks for something that this server does not do.
 */
import { z } from 'zod';
import type { AskRequest } from '../client/client.js';
import { fieldPath } from '../protocol/field-path.js';
import { limits } from '../protocol/limits.js';
import { nearest } from '../runtime/near-match.js';
import { ApiError, badParameter, unsupportedParameter } from './api-error.js';

/** Choices of one request: as many as the unfinished requests that a worker takes from one client. */
export const maxChoices = limits.maxUnfinishedPerClient;

/** Without the fields that are undefined. */
export const given = <T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Does not affect the answer. */
const passedOver = z.unknown().exactOptional();

/** Marks a refusal that is not about a wrong value. */
const cannot = 'is not supported: ';

/** @param why the rest of the sentence "is not supported: …". @param asksNothing values equivalent to omitting it. */
export const refused = (why: string, ...asksNothing: readonly unknown[]) => {
  const harmless = asksNothing.map((value) => JSON.stringify(value));
  return z
    .custom<unknown>((value) => harmless.includes(JSON.stringify(value)), `${cannot}${why}; leave it out`)
    .exactOptional();
};

const text = z.string();
const stopString = text.min(1).max(limits.maxStopChars);
const noMore = `must be a text, or a list of at most ${limits.maxStopStrings}, of 1 to ${limits.maxStopChars} characters each`;

export const shared = {
  model: text.min(1).max(limits.maxNameChars).exactOptional(),
  max_tokens: z.int().min(1).max(limits.maxTokens).exactOptional(),
  temperature: z.number().min(0).max(2).exactOptional(),
  top_p: z.number().min(0).max(1).exactOptional(),
  seed: z.number().refine(Number.isInteger, 'must be a whole number').exactOptional(),
  stop: z.union([stopString, z.array(stopString).max(limits.maxStopStrings)], { error: noMore }).exactOptional(),
  n: z.int().min(1).max(maxChoices).exactOptional(),
  stream: z.boolean().exactOptional(),
  stream_options: z
    .strictObject({ include_usage: z.boolean().nullish(), include_obfuscation: z.boolean().nullish() })
    .exactOptional(),

  // Named as in llama.cpp's own server
  top_k: z.int().min(0).exactOptional(),
  min_p: z.number().min(0).max(1).exactOptional(),
  repeat_penalty: z.number().gt(0).max(100).exactOptional(),

  frequency_penalty: refused('workers have `repeat_penalty` instead', 0),
  presence_penalty: refused('workers have `repeat_penalty` instead', 0),
  logit_bias: refused('workers do not bias single tokens', {}),

  user: passedOver,
  metadata: passedOver,
  service_tier: passedOver,
  safety_identifier: passedOver,
  prompt_cache_key: passedOver,
  prompt_cache_retention: passedOver,
  store: refused('nothing is stored here', false),
};

type Shared = z.infer<z.ZodObject<typeof shared>>;

/** The part of a mesh request that both endpoints share. */
export function samplingOf(asked: Shared, maxTokens = asked.max_tokens): NonNullable<AskRequest['options']> {
  const { temperature, top_p: topP, top_k: topK, min_p: minP, repeat_penalty: repeatPenalty, seed } = asked;
  const stop = typeof asked.stop === 'string' ? [asked.stop] : asked.stop;
  return given({ maxTokens, temperature, topP, topK, minP, repeatPenalty, seed, stop });
}

/** The range of the mesh's seeds. Longer ones, as some programs draw, lose their last digits when parsed from JSON. */
const seeds = 2 ** 53;

/** `n` copies of the request. Equal seeds would give equal answers, so each copy gets the next seed. */
export function choicesOf(request: AskRequest, n: number): AskRequest[] {
  const { seed } = request.options ?? {};
  return Array.from({ length: n }, (_, i) =>
    seed === undefined ? request : { ...request, options: { ...request.options, seed: (seed + i) % seeds } },
  );
}

/** Whether the answer is streamed, and whether usage follows at the end. */
export function streamingOf({ stream = false, stream_options: options }: Shared): {
  readonly isStreamed: boolean;
  readonly includeUsage: boolean;
} {
  if (options !== undefined && !stream) throw badParameter('stream_options', 'is only allowed if stream is true');
  return { isStreamed: stream, includeUsage: options?.include_usage === true };
}

/** Null counts as not given, as many programs intend. @throws ApiError that names the parameter */
export function read<Schema extends z.ZodObject>(schema: Schema, body: unknown): z.infer<Schema> {
  if (!isObject(body)) throw new ApiError(400, 'The body must be a JSON object.', { code: 'invalid_json' });
  const wanted = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
  const parsed = schema.safeParse(wanted, { error: inWords });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue === undefined) throw new ApiError(400, 'The body does not fit.');
  if (issue.code === 'unrecognized_keys') throw unknownParameter(issue, schema);
  const param = fieldPath(issue.path);
  if (issue.message.startsWith(cannot)) throw unsupportedParameter(param, issue.message);
  throw badParameter(param, issue.message);
}

function unknownParameter({ path, keys }: { path: PropertyKey[]; keys: string[] }, schema: z.ZodObject): ApiError {
  const [key = ''] = keys;
  const param = fieldPath([...path, key]).slice(0, limits.maxNameChars);
  const meant = path.length === 0 ? nearest(key.slice(0, limits.maxNameChars), Object.keys(schema.shape)) : undefined;
  return unsupportedParameter(param, `is not a parameter of this server${meant ? `; did you mean ${meant}?` : ''}`);
}

/** A readable message for what zod finds wrong, if the schema has none of its own. */
function inWords(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.input === undefined) return 'is missing';
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${kinds[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
    case 'too_small':
      return `must ${bound(issue.origin, issue.inclusive === true ? 'at least' : 'more than', issue.minimum)}`;
    case 'too_big':
      return `must ${bound(issue.origin, issue.inclusive === true ? 'at most' : 'less than', issue.maximum)}`;
    default:
      return undefined;
  }
}

const kinds: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
};

function bound(origin: string, how: string, limit: number | bigint): string {
  if (origin === 'string') return `have ${how} ${limit} ${limit === 1 ? 'character' : 'characters'}`;
  return origin === 'array' ? `have ${how} ${limit} ${limit === 1 ? 'entry' : 'entries'}` : `be ${how} ${limit}`;
}

/** The name of one of the mesh's `options` in a request body. */
export const snakeCase = (field: string): string => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
