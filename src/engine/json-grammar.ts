/**
 * From a request's JSON schema to a grammar that llama.cpp holds the answer to. Only keywords that the grammar really enforces
 * are accepted: an answer that silently ignores half of its schema is worse than a refusal that names the field.
 */
import type { Llama, LlamaGrammar } from 'node-llama-cpp';

import { RunFailure } from './failure.js';

/** The grammar ends an answer with this; it is taken as a stop string and never leaves. */
export const JSON_END = '\n\n\n\n';

const TYPES = ['string', 'number', 'integer', 'boolean', 'null', 'object', 'array'];
const MAX_SCHEMA_DEPTH = 32;

/** Says nothing about the value: allowed everywhere, and passed over. */
const ANNOTATIONS = [
  'title',
  'description',
  'default',
  'examples',
  '$schema',
  '$id',
  '$comment',
  '$defs',
  'definitions',
];
const KEYWORDS: Readonly<Record<string, readonly string[]>> = {
  string: ['minLength', 'maxLength', 'format'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems'],
  object: ['properties', 'required', 'additionalProperties', 'minProperties', 'maxProperties'],
};
const FORMATS = ['date-time', 'time', 'date'];

export function jsonGrammar(llama: Llama, schema: unknown): Promise<LlamaGrammar> {
  check(schema, 'options.jsonSchema', 0);
  return llama.createGrammarForJsonSchema(schema as { type: 'object' }); // one shape of many, for its types
}

function refuse(field: string, why: string): never {
  throw new RunFailure('bad_request', `${field}: ${why}`);
}

function check(schema: unknown, field: string, depth: number): void {
  if (depth > MAX_SCHEMA_DEPTH) refuse(field, `nested deeper than ${MAX_SCHEMA_DEPTH}`);
  if (!isObject(schema)) refuse(field, 'must be a JSON schema object');
  for (const [name, definition] of Object.entries(objectAt(schema, '$defs', field) ?? {}))
    check(definition, `${field}.$defs.${name}`, depth + 1);
  if ('$ref' in schema) checkRef(schema, field);
  else if ('const' in schema) checkKeywords(schema, field, ['const', 'type']);
  else if ('enum' in schema) checkEnum(schema, field);
  else if ('oneOf' in schema) checkOneOf(schema, field, depth);
  else checkTyped(schema, field, depth);
}

function checkEnum(schema: Record<string, unknown>, field: string): void {
  if (!Array.isArray(schema.enum) || schema.enum.length === 0) refuse(`${field}.enum`, 'must be a list of values');
  checkKeywords(schema, field, ['enum', 'type']);
}

function checkOneOf(schema: Record<string, unknown>, field: string, depth: number): void {
  if (!Array.isArray(schema.oneOf) || schema.oneOf.length === 0) refuse(`${field}.oneOf`, 'must be a list of schemas');
  schema.oneOf.forEach((one, index) => check(one, `${field}.oneOf[${index}]`, depth + 1));
  checkKeywords(schema, field, ['oneOf']);
}

function checkRef(schema: Record<string, unknown>, field: string): void {
  if (typeof schema.$ref !== 'string' || !schema.$ref.startsWith('#/$defs/'))
    refuse(`${field}.$ref`, 'must point into #/$defs/');
  checkKeywords(schema, field, ['$ref']);
}

function checkTyped(schema: Record<string, unknown>, field: string, depth: number): void {
  const types = Array.isArray(schema.type) ? (schema.type as unknown[]) : [schema.type];
  const unknown = types.find((type) => typeof type !== 'string' || !TYPES.includes(type));
  if (types.length === 0 || unknown !== undefined || schema.type === undefined)
    refuse(`${field}.type`, `must be ${TYPES.join(', ')}, or the schema must have enum, const, oneOf or $ref`);
  if (types.length > 1 && types.some((type) => type === 'object' || type === 'array'))
    refuse(`${field}.type`, 'a list of types may hold no object and no array; use oneOf');
  const [type] = types.length === 1 ? types : [];
  checkKeywords(schema, field, ['type', ...(KEYWORDS[String(type)] ?? [])]);
  if ('format' in schema && !FORMATS.includes(String(schema.format)))
    refuse(`${field}.format`, `must be ${FORMATS.join(', ')}`);
  for (const [name, property] of Object.entries(objectAt(schema, 'properties', field) ?? {}))
    check(property, `${field}.properties.${name}`, depth + 1);
  if ('items' in schema) check(schema.items, `${field}.items`, depth + 1);
  if (Array.isArray(schema.prefixItems))
    schema.prefixItems.forEach((item, index) => check(item, `${field}.prefixItems[${index}]`, depth + 1));
  if (isObject(schema.additionalProperties))
    check(schema.additionalProperties, `${field}.additionalProperties`, depth + 1);
}

function checkKeywords(schema: Record<string, unknown>, field: string, allowed: readonly string[]): void {
  for (const keyword of Object.keys(schema))
    if (!allowed.includes(keyword) && !ANNOTATIONS.includes(keyword))
      refuse(`${field}.${keyword}`, 'is not supported here: this worker could not hold the answer to it');
}

function objectAt(schema: Record<string, unknown>, name: string, field: string): Record<string, unknown> | undefined {
  const value = schema[name];
  if (value === undefined) return undefined;
  if (!isObject(value)) refuse(`${field}.${name}`, 'must be an object');
  return value;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
