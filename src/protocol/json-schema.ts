/**
 * What is wrong with a JSON schema by itself, whoever reads it: keywords with impossible values, and keywords that
 * contradict each other, so that no value fits. The gateway and the wire both ask here, so such a schema is refused
 * before it waits for anything. Which keywords a worker can enforce is another question, for its engine.
 */
import { limits } from './limits.js';

export interface SchemaFault {
  /** Where in the schema: property names and list indexes. */
  readonly path: readonly (string | number)[];
  readonly why: string;
}

type Schema = Readonly<Record<string, unknown>>;

/** Undefined if there is nothing wrong. Reports the outermost fault of the first part that has one. */
export const schemaFault = (schema: unknown): SchemaFault | undefined => faultIn(schema, []);

function faultIn(schema: unknown, path: SchemaFault['path']): SchemaFault | undefined {
  if (!isObject(schema) || path.length > limits.maxNestingDepth) return undefined; // a frame cannot nest deeper
  for (const rule of rules) {
    const [keyword, why] = rule(schema) ?? [];
    if (keyword !== undefined && why !== undefined) return { path: [...path, keyword], why };
  }
  for (const [place, inner] of innerSchemas(schema)) {
    const fault = faultIn(inner, [...path, ...place]);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

const mapsOfSchemas = ['properties', 'patternProperties', '$defs', 'definitions'];
const listsOfSchemas = ['oneOf', 'anyOf', 'allOf', 'prefixItems'];
const singleSchemas = ['items', 'additionalProperties'];

function* innerSchemas(schema: Schema): Generator<readonly [place: SchemaFault['path'], inner: unknown]> {
  for (const [keyword, value] of Object.entries(schema)) {
    if (singleSchemas.includes(keyword)) yield [[keyword], value];
    if (mapsOfSchemas.includes(keyword) && isObject(value))
      for (const [name, inner] of Object.entries(value)) yield [[keyword, name], inner];
    if (listsOfSchemas.includes(keyword) && Array.isArray(value))
      for (const [index, inner] of value.entries()) yield [[keyword, index], inner];
  }
}

/** Looks at one schema, without those inside it. Null counts as not given: some libraries write all keywords. */
type Rule = (schema: Schema) => readonly [keyword: string, why: string] | undefined;

const count = (keyword: string): Rule => {
  const isCount = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0;
  return ({ [keyword]: value }) =>
    isGiven(value) && !isCount(value) ? [keyword, 'must be a whole number, at least 0'] : undefined;
};

const number = (keyword: string): Rule => {
  return ({ [keyword]: value }) =>
    isGiven(value) && typeof value !== 'number' ? [keyword, 'must be a number'] : undefined;
};

const ordered =
  (lower: string, upper: string, isOpen = false): Rule =>
  ({ [lower]: from, [upper]: to }) =>
    typeof from === 'number' && typeof to === 'number' && (from > to || (isOpen && from === to))
      ? [lower, `is ${from}, and ${upper} is ${to}: nothing is in between`]
      : undefined;

const notEmpty = (keyword: string): Rule => {
  return ({ [keyword]: value }) =>
    Array.isArray(value) && value.length === 0 ? [keyword, 'is empty: no value fits'] : undefined;
};

const multipleOf: Rule = ({ multipleOf: step }) =>
  isGiven(step) && !(typeof step === 'number' && step > 0) ? ['multipleOf', 'must be a number above 0'] : undefined;

const enumOfType: Rule = ({ enum: values, type }) =>
  Array.isArray(values) && !values.some((value) => isOfType(value, type))
    ? ['enum', `has no value of type ${written(type)}`]
    : undefined;

const constOfType: Rule = (schema) =>
  'const' in schema && !isOfType(schema.const, schema.type)
    ? ['const', `is not of type ${written(schema.type)}`]
    : undefined;

const required: Rule = (schema) => {
  const { required: names, maxProperties } = schema;
  if (!isGiven(names)) return undefined;
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string'))
    return ['required', 'must be a list of names'];
  const known = onlyProperties(schema);
  const unknown = known && names.find((name) => !known.includes(name));
  if (unknown !== undefined)
    return ['required', `has ${JSON.stringify(unknown)}, and additionalProperties is false: no object fits`];
  const { size } = new Set(names);
  return typeof maxProperties === 'number' && size > maxProperties
    ? ['required', `has ${size} names, and maxProperties is ${maxProperties}: no object fits`]
    : undefined;
};

const enoughProperties: Rule = (schema) => {
  const { minProperties } = schema;
  const known = onlyProperties(schema);
  return known !== undefined && typeof minProperties === 'number' && minProperties > known.length
    ? ['minProperties', `is ${minProperties}, and no more than ${known.length} properties are allowed: no object fits`]
    : undefined;
};

/** The names of all properties that an object may have; undefined if there may be others. */
function onlyProperties({ properties, additionalProperties, patternProperties }: Schema): string[] | undefined {
  if (additionalProperties !== false || isGiven(patternProperties)) return undefined;
  return isObject(properties) ? Object.keys(properties) : [];
}

/** In this order: each rule may rely on those above it. */
const rules: readonly Rule[] = [
  ...['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties'].map(count),
  ...['minimum', 'maximum'].map(number), // the exclusive ones were booleans once
  ordered('minLength', 'maxLength'),
  ordered('minItems', 'maxItems'),
  ordered('minProperties', 'maxProperties'),
  ordered('minimum', 'maximum'),
  ordered('exclusiveMinimum', 'maximum', true),
  ordered('minimum', 'exclusiveMaximum', true),
  ordered('exclusiveMinimum', 'exclusiveMaximum', true),
  multipleOf,
  ...['enum', 'oneOf', 'anyOf', 'allOf', 'type'].map(notEmpty),
  enumOfType,
  constOfType,
  required,
  enoughProperties,
];

const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

const isObject = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const written = (type: unknown): string => [type].flat().join(' or ');

/** @param type a name or several. One that is not known fits everything: it is a fault of another kind. */
const isOfType = (value: unknown, type: unknown): boolean =>
  !isGiven(type) || [type].flat().some((name) => types.get(name)?.(value) ?? true);

const types: ReadonlyMap<unknown, (value: unknown) => boolean> = new Map([
  ['string', (value) => typeof value === 'string'],
  ['number', (value) => typeof value === 'number'],
  ['integer', Number.isInteger],
  ['boolean', (value) => typeof value === 'boolean'],
  ['null', (value) => value === null],
  ['object', isObject],
  ['array', Array.isArray],
]);
