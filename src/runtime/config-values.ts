/**
 * Schemas for settings. The same setting arrives as text from the environment or a flag and as JSON from a file, so
 * each schema accepts both. Each states in one phrase what it expects, for the error shown to the user.
 */
import { z } from 'zod';

/** The value as given; text is trimmed. */
const given = (value: unknown): unknown => (typeof value === 'string' ? value.trim() : value);

interface Range {
  readonly min: number;
  readonly max: number;
}

export function integer({ min, max }: Range): z.ZodType<number> {
  const error = `a whole number from ${min} to ${max}`;
  return z.preprocess(decimal, z.int({ error }).min(min, { error }).max(max, { error }));
}

export function number({ min, max }: Range): z.ZodType<number> {
  const error = `a number from ${min} to ${max}`;
  return z.preprocess(decimal, z.number({ error }).min(min, { error }).max(max, { error }));
}

function decimal(value: unknown): unknown {
  const text = given(value);
  return typeof text === 'string' && /^[+-]?(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : text;
}

const truth = new Map<unknown, boolean>([
  ...[true, '1', 'true', 'yes', 'on'].map((word) => [word, true] as const),
  ...[false, '0', 'false', 'no', 'off'].map((word) => [word, false] as const),
]);

export function toggle(): z.ZodType<boolean> {
  return z.preprocess(
    (value) => truth.get(typeof value === 'string' ? value.trim().toLowerCase() : value),
    z.boolean({ error: '1 or 0' }),
  );
}

export function text(expected = 'some text'): z.ZodType<string> {
  return z.preprocess(given, z.string({ error: expected }).min(1, { error: expected }));
}

export function oneOf<const T extends readonly [string, ...string[]]>(words: T): z.ZodType<T[number]> {
  return z.preprocess(given, z.enum(words, { error: `one of ${words.join(', ')}` }));
}

/** Comma-separated text, or an array. */
export function list<T>(item: z.ZodType<T>): z.ZodType<readonly T[]> {
  const parsed = (value: unknown): unknown =>
    typeof value === 'string' ? value.split(',').filter((part) => part.trim() !== '') : value;
  return z.preprocess(parsed, z.array(item, { error: 'a list, separated by commas' }));
}
