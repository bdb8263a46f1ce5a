/**
 * From a request's JSON schema to a grammar that llama.cpp holds the answer to. Only keywords that the grammar really enforces
 * are accepted: an answer that silently ignores half of its schema is worse than a refusal that names the field.
 */
import type { Llama, LlamaGrammar } from 'node-llama-cpp';

import { fieldPath } from '../protocol/field-path.js';
import { schemaFault } from '../protocol/json-schema.js';
import { plainMessage, RunFailure } from './failure.js';

/** How the library's JSON grammars begin. Their empty lines at the end are left out: the model may only end there. */
const rootRule = /^root ::= (?<root>.+) "\\n\\n\\n\\n" \[\\n\]\*\n?/u;

const schemaTypes = ['string', 'number', 'integer', 'boolean', 'null', 'object', 'array'];
const maxSchemaDepth = 32;
/** Making the grammar of a longer one would hold the engine, and all its streams, for seconds. */
const maxSchemaCharacters = 32 * 1024;

/** Says nothing about the value: allowed everywhere, and passed over. */
const annotations = [
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
const keywordsOf: Readonly<Record<string, readonly string[]>> = {
  string: ['minLength', 'maxLength', 'format'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems'],
  object: ['properties', 'required', 'additionalProperties', 'minProperties', 'maxProperties'],
};
const formats = ['date-time', 'time', 'date'];

export async function jsonGrammar(llama: Llama, schema: unknown): Promise<LlamaGrammar> {
  checkJsonSchema(schema, 'options.jsonSchema');
  const { root, rules } = await jsonRules(llama, schema, 'options.jsonSchema');
  return llama.createGrammar({ grammar: `root ::= ${root}\n${rules}` });
}

/** Refuses a schema, naming the field, that contradicts itself or that the grammar could not hold an answer to. */
export function checkJsonSchema(schema: unknown, field: string): void {
  if (JSON.stringify(schema).length > maxSchemaCharacters)
    refuse(field, `longer than ${maxSchemaCharacters} characters`);
  const fault = schemaFault(schema);
  if (fault !== undefined) refuse(fieldPath([field, ...fault.path]), fault.why);
  check(schema, { field, depth: 0, definitions: [] });
}

/** The grammar of a schema that was checked: what its root is, and the rules that it uses. */
export async function jsonRules(
  llama: Llama,
  schema: unknown,
  field: string,
): Promise<{ root: string; rules: string }> {
  try {
    const { grammar } = await llama.createGrammarForJsonSchema(schema as { type: 'object' }); // one shape of many, for its types
    const root = rootRule.exec(grammar)?.groups?.root;
    if (root !== undefined) return { root, rules: grammar.replace(rootRule, '') };
  } catch (error) {
    refuse(field, plainMessage(error));
  }
  throw new RunFailure('slot_failed', 'this build of node-llama-cpp writes JSON grammars in another form');
}

/** Where in the schema: its name for the message, its depth, and the definitions that a reference may mean. */
interface Place {
  readonly field: string;
  readonly depth: number;
  readonly definitions: readonly string[];
}

type Schema = Readonly<Record<string, unknown>>;

function refuse(field: string, why: string): never {
  throw new RunFailure('bad_request', `${field}: ${why}`);
}

const within = (place: Place, name: string): Place => ({
  ...place,
  field: `${place.field}${name}`,
  depth: place.depth + 1,
});

function check(schema: unknown, outer: Place): void {
  if (outer.depth > maxSchemaDepth) refuse(outer.field, `nested deeper than ${maxSchemaDepth}`);
  if (!isObject(schema)) refuse(outer.field, 'must be a JSON schema object');
  const definitions = objectAt(schema, '$defs', outer);
  const place = { ...outer, definitions: [...outer.definitions, ...Object.keys(definitions)] };
  checkAll(definitions, '.$defs', place);
  if ('$ref' in schema) checkRef(schema, place);
  else if ('const' in schema) checkConst(schema, place);
  else if ('enum' in schema) checkEnum(schema, place);
  else if ('oneOf' in schema) checkOneOf(schema, place);
  else checkTyped(schema, place);
}

function checkAll(schemas: Schema, name: string, place: Place): void {
  for (const [key, schema] of Object.entries(schemas)) check(schema, within(place, `${name}.${key}`));
}

function checkList(schemas: readonly unknown[], name: string, place: Place): void {
  schemas.forEach((schema, index) => check(schema, within(place, `${name}[${index}]`)));
}

function checkRef(schema: Schema, place: Place): void {
  const name = /^#\/\$defs\/(?<name>.+)$/u.exec(String(schema.$ref))?.groups?.name;
  if (name === undefined || !place.definitions.includes(name))
    refuse(`${place.field}.$ref`, 'must name one of $defs, as #/$defs/name');
  checkKeywords(schema, ['$ref'], place);
}

function checkConst(schema: Schema, place: Place): void {
  if (!isPlainValue(schema.const)) refuse(`${place.field}.const`, `must be ${plainValue}`);
  checkKeywords(schema, ['const', 'type'], place);
}

function checkEnum(schema: Schema, place: Place): void {
  if (!Array.isArray(schema.enum) || !schema.enum.every(isPlainValue))
    refuse(`${place.field}.enum`, `must be a list, each of its values ${plainValue}`);
  checkKeywords(schema, ['enum', 'type'], place);
}

function checkOneOf(schema: Schema, place: Place): void {
  if (!Array.isArray(schema.oneOf)) refuse(`${place.field}.oneOf`, 'must be a list of schemas');
  checkList(schema.oneOf, '.oneOf', place);
  checkKeywords(schema, ['oneOf'], place);
}

function checkTyped(schema: Schema, place: Place): void {
  const { field } = place;
  const types: readonly unknown[] = Array.isArray(schema.type) ? schema.type : [schema.type];
  if (types.some((type) => typeof type !== 'string' || !schemaTypes.includes(type)))
    refuse(`${field}.type`, `must be ${schemaTypes.join(', ')}, or the schema must have enum, const, oneOf or $ref`);
  if (types.length > 1 && types.some((type) => type === 'object' || type === 'array'))
    refuse(`${field}.type`, 'a list of types may hold no object and no array; use oneOf');
  const [type] = types.length === 1 ? types : [];
  checkKeywords(schema, ['type', ...(keywordsOf[String(type)] ?? [])], place);
  if ('format' in schema && !formats.includes(String(schema.format)))
    refuse(`${field}.format`, `must be ${formats.join(', ')}`);
  const properties = objectAt(schema, 'properties', place);
  checkMost(schema, 'maxProperties', Object.keys(properties).length, place);
  checkAll(properties, '.properties', place);
  if ('items' in schema) check(schema.items, within(place, '.items'));
  if (Array.isArray(schema.prefixItems)) {
    checkMost(schema, 'maxItems', schema.prefixItems.length, place);
    checkList(schema.prefixItems, '.prefixItems', place);
  }
  if (isObject(schema.additionalProperties)) check(schema.additionalProperties, within(place, '.additionalProperties'));
}

/** The grammar has the model write everything that the schema names, required or not. */
function checkMost(schema: Schema, keyword: string, named: number, place: Place): void {
  const most = schema[keyword];
  if (typeof most === 'number' && most < named)
    refuse(`${place.field}.${keyword}`, `is ${most}, and this worker would write all ${named} that are named`);
}

function checkKeywords(schema: Schema, allowed: readonly string[], place: Place): void {
  const other = Object.keys(schema).find((keyword) => !allowed.includes(keyword) && !annotations.includes(keyword));
  if (other !== undefined)
    refuse(`${place.field}.${other}`, 'is not supported here: this worker could not hold the answer to it');
}

function objectAt(schema: Schema, name: string, place: Place): Schema {
  const value = schema[name] ?? {};
  if (!isObject(value)) refuse(`${place.field}.${name}`, 'must be an object');
  return value;
}

const plainValue = 'a string, a number, a boolean or null';
const isPlainValue = (value: unknown): boolean =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value);

const isObject = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
