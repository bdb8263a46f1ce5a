/** A JSON schema is refused if it contradicts itself, wherever it does; never if there is a value that fits. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { schemaFault, type SchemaFault } from '../../src/protocol/json-schema.js';
import { isSoak } from '../support/soak.js';

const numRuns = isSoak ? 200_000 : 5_000;

type Schema = Record<string, unknown>;
type Path = SchemaFault['path'];

const slack = fc.nat({ max: 3 });
const optional = (of: fc.Arbitrary<Schema>): fc.Arbitrary<Schema> => fc.oneof(fc.constant({}), of);
const counts = (what: string, has: number): fc.Arbitrary<Schema> =>
  fc.record(
    { [`min${what}`]: slack.map((less) => Math.max(0, has - less)), [`max${what}`]: slack.map((more) => has + more) },
    { requiredKeys: [] },
  );
const name = fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom('minLength', 'enum', 'properties', 'constructor'));

/** Schemas that `value` fits. */
function around(value: unknown): fc.Arbitrary<Schema> {
  const exact = fc.constantFrom<Schema>({ const: value }, { enum: [value, 'other'] }, { enum: [value] });
  return fc.oneof(
    exact,
    ofType(value),
    ofType(value).map((schema) => ({ anyOf: [{ type: 'null' }, schema] })),
    ofType(value).map((schema) => ({ $defs: { it: schema }, $ref: '#/$defs/it' })),
  );
}

function ofType(value: unknown): fc.Arbitrary<Schema> {
  if (value === null) return fc.constant({ type: 'null' });
  if (Array.isArray(value)) return ofArray(value);
  switch (typeof value) {
    case 'boolean':
      return fc.constant({ type: 'boolean' });
    case 'string':
      return counts('Length', Array.from(value).length).map((limits) => ({ type: ['string', 'null'], ...limits }));
    case 'number':
      return fc
        .record(
          { minimum: slack.map((less) => value - less), exclusiveMaximum: slack.map((more) => value + 1 + more) },
          { requiredKeys: [] },
        )
        .map((bounds) => ({ type: 'number', ...(Number.isSafeInteger(value) && bounds) }));
    default:
      return ofObject(value as object);
  }
}

const ofArray = (value: readonly unknown[]): fc.Arbitrary<Schema> =>
  fc
    .tuple(counts('Items', value.length), fc.tuple(...value.map(around)))
    .map(([limits, prefixItems]) => ({ type: 'array', ...limits, ...(prefixItems.length > 0 && { prefixItems }) }));

const ofObject = (value: object): fc.Arbitrary<Schema> => {
  const entries = Object.entries(value);
  const schemas = fc.tuple(...entries.map(([key, inner]) => fc.tuple(fc.constant(key), around(inner))));
  return fc
    .tuple(
      counts('Properties', entries.length),
      schemas,
      optional(fc.subarray(Object.keys(value)).map((required) => ({ required }))),
      optional(fc.constant({ additionalProperties: false })),
    )
    .map(([limits, pairs, ...more]) => ({
      type: 'object',
      ...limits,
      properties: Object.fromEntries(pairs),
      ...more[0],
      ...more[1],
    }));
};

const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    fc.oneof(fc.constant(null), fc.boolean(), fc.integer(), fc.double({ noNaN: true }), fc.string({ maxLength: 5 })),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(name, tie('any'), { maxKeys: 3 }),
  ),
})).any;
const satisfiable = value.chain(around);

it('a schema that a value fits is not refused', () => {
  fc.assert(
    fc.property(satisfiable, (schema) => {
      expect(schemaFault(schema)).toBeUndefined();
    }),
    { numRuns },
  );
});

/** Each with the keyword that is to be named. */
const faults: readonly (readonly [keyword: string, schema: Schema])[] = [
  ['minLength', { type: 'string', minLength: 5, maxLength: 3 }],
  ['maxLength', { type: 'string', maxLength: 1.5 }],
  ['minItems', { type: 'array', minItems: -1 }],
  ['minItems', { minItems: 2, maxItems: 1 }],
  ['maxProperties', { maxProperties: '3' }],
  ['minProperties', { type: 'object', minProperties: 2, maxProperties: 1 }],
  ['minProperties', { properties: { a: {} }, additionalProperties: false, minProperties: 2 }],
  ['minimum', { type: 'number', minimum: 1, maximum: 0 }],
  ['minimum', { minimum: 1, exclusiveMaximum: 1 }],
  ['exclusiveMinimum', { exclusiveMinimum: 1, maximum: 1 }],
  ['maximum', { maximum: '1' }],
  ['multipleOf', { type: 'integer', multipleOf: 0 }],
  ['enum', { enum: [] }],
  ['enum', { type: 'string', enum: [1, null] }],
  ['const', { type: ['integer', 'null'], const: 1.5 }],
  ['type', { type: [] }],
  ['anyOf', { anyOf: [] }],
  ['required', { required: 'a' }],
  ['required', { properties: { a: {} }, required: ['a', 'b'], additionalProperties: false }],
  ['required', { required: ['a', 'b', 'a'], maxProperties: 1 }],
];

/** Every place in a schema where another one stands. */
function places(schema: Schema, at: Path = []): { readonly at: Path; readonly set: (inner: Schema) => void }[] {
  return Object.entries(schema).flatMap(([keyword, inside]) => {
    if (['properties', '$defs'].includes(keyword)) return entriesIn(inside as Schema, [...at, keyword]);
    return ['anyOf', 'prefixItems'].includes(keyword) ? entriesIn(inside as Schema[], [...at, keyword]) : [];
  });
}

const entriesIn = (schemas: Schema | Schema[], at: Path): ReturnType<typeof places> =>
  Object.entries(schemas).flatMap(([key, schema]) => {
    const here = [...at, Array.isArray(schemas) ? Number(key) : key];
    const set = (inner: Schema): void => void Object.defineProperty(schemas, key, { value: inner, enumerable: true });
    return [{ at: here, set }, ...places(schema as Schema, here)];
  });

it('one that contradicts itself is, wherever it does, by the path of the keyword', () => {
  fc.assert(
    fc.property(satisfiable, fc.nat(), fc.constantFrom(...faults), (schema, choice, [keyword, fault]) => {
      const whole = { root: schema };
      const root = { at: [], set: (inner: Schema) => void (whole.root = inner) };
      const all = [root, ...places(schema)];
      const place = all[choice % all.length] ?? root;
      place.set(fault);
      expect(schemaFault(whole.root)?.path).toEqual([...place.at, keyword]);
    }),
    { numRuns },
  );
});
