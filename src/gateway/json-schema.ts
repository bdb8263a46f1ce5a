/**
 * Translates JSON schemas as client libraries write them into the subset that workers can enforce. Synonyms are
 * replaced. Keywords that workers cannot enforce are left in under `strict`, so that the worker refuses them by name.
 * Without `strict` they move into the description for the model to read: a schema is then only a wish, as with OpenAI.
 */
import { fieldPath } from '../protocol/field-path.js';
import { schemaFault } from '../protocol/json-schema.js';
import { badParameter } from './api-error.js';
import { isObject } from './parameters.js';

export type Schema = Readonly<Record<string, unknown>>;

/** Nobody writes deeper schemas by hand, and they would not fit into a frame of the mesh. */
const maxDepth = 24;

/** Constraints that no worker's grammar can enforce. */
const wishes = [
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'pattern',
  'uniqueItems',
  'propertyNames',
  'patternProperties',
  'contentEncoding',
  'contentMediaType',
];
const knownFormats = ['date-time', 'time', 'date'];
/** Keywords that say nothing about the value. */
const remarks = ['deprecated', 'readOnly', 'writeOnly'];

/** Any JSON value. */
const anything = ['string', 'number', 'boolean', 'null']
  .map((type): Schema => ({ type }))
  .concat([{ type: 'object', additionalProperties: true }, { type: 'array' }]);

interface Place {
  readonly param: string;
  readonly isStrict: boolean;
  readonly depth: number;
}

/** @param param its name in the request, for error messages. @throws ApiError */
export function workable(schema: unknown, param: string, isStrict: boolean): Schema {
  const fault = schemaFault(schema);
  if (fault !== undefined) throw badParameter(fieldPath([param, ...fault.path]), fault.why);
  return translated(schema, { param, isStrict, depth: 0 });
}

function translated(given: unknown, place: Place): Schema {
  const { param, isStrict } = place;
  if (given === true) return { oneOf: anything };
  if (!isObject(given)) throw badParameter(param, 'must be a JSON schema');
  const schema = inside(renamed(given, place), place);
  const typed = isTyped(schema) ? schema : { ...schema, ...typeFor(schema) };
  return isStrict ? typed : relaxed(typed);
}

/** Replaces synonyms by one keyword each. */
function renamed(given: Schema, { param, isStrict, depth }: Place): Schema {
  if (depth > maxDepth) throw badParameter(param, `nested deeper than ${maxDepth}`);
  const { anyOf, allOf, definitions, $ref, minimum, maximum, ...rest } = given;
  const [only, ...others] = Array.isArray(allOf) ? (allOf as unknown[]) : [];
  const isOne = isObject(only) && others.length === 0;
  return Object.fromEntries(
    Object.entries({
      ...rest,
      ...(isOne ? renamed(only, { param, isStrict, depth: depth + 1 }) : { allOf }),
      // A grammar offers every alternative, so `anyOf` and `oneOf` are the same to it
      oneOf: rest.oneOf ?? anyOf,
      $defs:
        isObject(rest.$defs) || isObject(definitions)
          ? { ...asObject(definitions), ...asObject(rest.$defs) }
          : rest.$defs,
      $ref: typeof $ref === 'string' ? $ref.replace(/^#\/definitions\//, '#/$defs/') : $ref,
      // How libraries write "any whole number": JSON numbers beyond these bounds are not exact anyway
      minimum: minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum,
      maximum: maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum,
    }).filter(([key, value]) => value !== undefined && !remarks.includes(key)),
  );
}

const asObject = (value: unknown): Schema => (isObject(value) ? value : {});

/** Translates the schemas nested inside. */
function inside(schema: Schema, { param, isStrict, depth }: Place): Schema {
  const at = (child: unknown, name: string): Schema =>
    translated(child, { param: `${param}.${name}`, isStrict, depth: depth + 1 });
  const entries = Object.entries(schema).map(([key, value]): [string, unknown] => {
    if (['properties', '$defs'].includes(key) && isObject(value))
      return [
        key,
        Object.fromEntries(Object.entries(value).map(([name, child]) => [name, at(child, `${key}.${name}`)])),
      ];
    if (['oneOf', 'prefixItems'].includes(key) && Array.isArray(value))
      return [key, value.map((child, index) => at(child, `${key}[${index}]`))];
    if (key === 'items' || (key === 'additionalProperties' && isObject(value))) return [key, at(value, key)];
    return [key, value];
  });
  return Object.fromEntries(entries);
}

const isTyped = (schema: Schema): boolean => ['type', 'enum', 'const', 'oneOf', '$ref'].some((word) => word in schema);

function typeFor(schema: Schema): Schema {
  if ('properties' in schema) return { type: 'object' };
  if ('items' in schema || 'prefixItems' in schema) return { type: 'array' };
  return { oneOf: anything };
}

/** Moves constraints that cannot be enforced into the description. */
function relaxed(schema: Schema): Schema {
  const isWish = (key: string, value: unknown): boolean =>
    wishes.includes(key) || (key === 'format' && !knownFormats.includes(String(value)));
  const kept = Object.entries(schema).filter(([key, value]) => !isWish(key, value));
  const told = Object.entries(schema).filter(([key, value]) => isWish(key, value));
  if (told.length === 0) return schema;
  const words = told.map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join(', ');
  const { description } = schema;
  return {
    ...Object.fromEntries(kept),
    description: typeof description === 'string' ? `${description} (${words})` : words,
  };
}
