/** Building blocks of message schemas. Each limits the work a hostile value can cause. */
import { z } from 'zod';
import { schemaFault } from './json-schema.js';
import { idPattern, limits } from './limits.js';

const hex = (chars: number, what: string) => z.string().regex(new RegExp(`^[0-9a-f]{${chars}}$`), `must be ${what}`);

export const requestId = z.string().regex(idPattern, 'must be 1 to 64 of A-Z a-z 0-9 _ -');
/** An ed25519 public key, of a node or of one end of a connection. */
export const publicKey = hex(64, 'a key of 64 lower-case hex characters');
export const sha256 = hex(64, 'a SHA-256 of 64 lower-case hex characters');
export const signature = hex(128, 'a signature of 128 lower-case hex characters');
export const salt = hex(32, '32 lower-case hex characters');
export const challenge = hex(limits.workChallengeHexChars, '32 lower-case hex characters');
/** Hashed as text, so capitals are as good as lower case. */
export const nonce = z
  .string()
  .regex(new RegExp(`^[0-9A-Fa-f]{0,${limits.workNonceMaxHexChars}}$`), 'must be at most 32 hex characters');

/** A non-negative integer below 2^53, as everything counted or signed is. */
export const count = z.number().int().min(0);
/** Unix milliseconds. */
export const time = count;
/** Milliseconds, not necessarily whole. */
export const duration = z.number().min(0);
export const percent = z.number().int().min(0).max(100);
export const name = z.string().min(1).max(limits.maxNameChars);

/** A JSON object passed on unchanged. */
export const jsonObject = z.custom<Record<string, unknown>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'must be an object',
);

/** A JSON schema passed on unchanged, if it does not contradict itself. */
export const jsonSchema = jsonObject.superRefine((input, context) => {
  const fault = schemaFault(input);
  if (fault !== undefined) context.addIssue({ code: 'custom', input, path: [...fault.path], message: fault.why });
});

/** Any JSON value, passed on unchanged. */
export const json = z.custom<unknown>((value) => value !== undefined, 'must be given');

/** An array whose length is checked before its items: a million bad items must not produce a million errors. */
export function list<Item extends z.ZodType>(item: Item, maxItems: number, minItems = 0) {
  return z
    .custom<z.input<Item>[]>(
      (value) => Array.isArray(value) && value.length >= minItems && value.length <= maxItems,
      minItems > 0
        ? `must be an array of ${minItems} to ${maxItems} items`
        : `must be an array of at most ${maxItems} items`,
    )
    .pipe(z.array(item));
}

/**
 * An object in which an optional field that is null counts as absent, as many JSON writers mean it. Unknown fields are
 * dropped without examining each one: a frame has room for a hundred thousand.
 */
export function fields<Shape extends z.ZodRawShape>(shape: Shape) {
  const object = z.object(shape);
  const isOptional = new Map(
    Object.entries(object.shape).map(([key, field]) => [key, field instanceof z.ZodExactOptional]),
  );
  return z.preprocess((value) => withoutNulls(value, isOptional), object);
}

/** An object with exactly these fields. Their number is checked first, for the same reason as in `list`. */
export function exactly<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = Object.keys(shape);
  return jsonObject
    .refine((value) => Object.keys(value).length <= known.length, `must have no other fields than ${known.join(', ')}`)
    .pipe(z.strictObject(shape));
}

/** @param known the fields, and whether each is optional */
function withoutNulls(value: unknown, known: ReadonlyMap<string, boolean>): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const given = value as Record<string, unknown>;
  const kept = [...known].filter(
    ([key, isOptional]) => Object.hasOwn(given, key) && !(isOptional && given[key] === null),
  );
  return Object.fromEntries(kept.map(([key]) => [key, given[key]]));
}
