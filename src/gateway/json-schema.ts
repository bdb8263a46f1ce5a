/**
 * JSON schemas as people's libraries write them, in the words that workers hold an answer to. Synonyms are translated; what a worker
 * could not hold to is refused by it, by name, where the program says `strict`, and is otherwise told to the model as part of the
 * description, since without `strict` a schema is a wish: so OpenAI has it, too.
 */
import { ApiError } from './api-error.js';
import { isObject } from './parameters.js';

export type Schema = Readonly<Record<string, unknown>>;

/** Beyond this nobody writes one by hand, and a frame of the mesh has no room for it. */
const maxDepth = 24;

/** Constraints that no grammar of a worker knows. */
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
/** They say nothing about the value. */
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

/** @param param where it stands, for the message. @throws ApiError */
export const workable = (schema: unknown, param: string, isStrict: boolean): Schema =>
  translated(schema, { param, isStrict, depth: 0 });

function translated(given: unknown, place: Place): Schema {
  const { param, isStrict, depth } = place;
  if (depth > maxDepth)
    throw new ApiError(400, `${param}: nested deeper than ${maxDepth}`, { param, code: 'invalid_value' });
  if (given === true) return { oneOf: anything };
  if (!isObject(given)) throw new ApiError(400, `${param}: must be a JSON schema`, { param, code: 'invalid_value' });
  const schema = inside(renamed(given), place);
  const typed = isTyped(schema) ? schema : { ...schema, ...typeFor(schema) };
  return isStrict ? typed : relaxed(typed);
}

/** One word for one thing. */
function renamed(given: Schema): Schema {
  const { anyOf, allOf, definitions, $ref, minimum, maximum, ...rest } = given;
  const [only, ...others] = Array.isArray(allOf) ? (allOf as unknown[]) : [];
  const isOne = isObject(only) && others.length === 0;
  return Object.fromEntries(
    Object.entries({
      ...rest,
      ...(isOne ? renamed(only) : { allOf }),
      // A grammar offers each of them, and so does `oneOf`
      oneOf: rest.oneOf ?? anyOf,
      $defs:
        isObject(rest.$defs) || isObject(definitions)
          ? { ...asObject(definitions), ...asObject(rest.$defs) }
          : rest.$defs,
      $ref: typeof $ref === 'string' ? $ref.replace(/^#\/definitions\//, '#/$defs/') : $ref,
      // How libraries write "any whole number": no JSON number is held beyond
      minimum: minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum,
      maximum: maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum,
    }).filter(([key, value]) => value !== undefined && !remarks.includes(key)),
  );
}

const asObject = (value: unknown): Schema => (isObject(value) ? value : {});

/** The same for the schemas that it is made of. */
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

/** What cannot be held to is said to the model. */
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
