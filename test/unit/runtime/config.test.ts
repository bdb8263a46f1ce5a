import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ConfigError,
  defineConfig,
  describeConfig,
  loadConfig,
  type ConfigSources,
} from '../../../src/runtime/config.js';
import { integer, list, number, oneOf, text, toggle } from '../../../src/runtime/config-values.js';

const definition = defineConfig<{
  slots: number;
  share: number;
  open: boolean;
  seeders: readonly string[];
  mode: 'a' | 'b';
  key: string;
}>({
  slots: {
    env: 'QMESH_SLOTS',
    flag: '--slots',
    schema: integer({ min: 1, max: 64 }),
    default: 4,
    describe: 'How many.',
    unit: 'slots',
  },
  share: { env: 'QMESH_SHARE', schema: number({ min: 0, max: 1 }), default: 0.5, describe: 'How much.' },
  open: { env: 'QMESH_OPEN', flag: '--open', schema: toggle(), default: false, describe: 'Whether.' },
  seeders: { env: 'QMESH_SEEDERS', schema: list(text()), default: [], describe: 'Who.' },
  mode: { env: 'QMESH_MODE', schema: oneOf(['a', 'b']), default: 'a', describe: 'Which.' },
  key: { env: 'OTHER_KEY', flag: '--key', schema: text(), default: 'initial', describe: 'A secret.', secret: true },
});

const load = (from: ConfigSources) => loadConfig(definition, from);

function problemsOf(from: ConfigSources): readonly string[] {
  try {
    load(from);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('config', () => {
  it('flags beat the environment, which beats the file, which beats the default: for every subset of the sources', () => {
    const slots = fc.option(fc.integer({ min: 1, max: 64 }), { nil: undefined });
    fc.assert(
      fc.property(slots, slots, slots, (flag, env, file) => {
        const { values, sources } = load({
          flags: { slots: flag },
          env: { QMESH_SLOTS: env === undefined ? undefined : String(env) },
          ...(file !== undefined && { file: { path: 'f.json', text: JSON.stringify({ slots: file }) } }),
        });
        expect(values.slots).toBe(flag ?? env ?? file ?? 4);
        const winner =
          flag !== undefined ? 'flag' : env !== undefined ? 'environment' : file !== undefined ? 'file' : 'default';
        expect(sources.slots).toBe(winner);
        expect(values.share).toBe(0.5);
      }),
    );
  });

  it('reads text and JSON alike', () => {
    const fromText = {
      QMESH_SLOTS: ' 8 ',
      QMESH_SHARE: '.25',
      QMESH_OPEN: 'Yes',
      QMESH_SEEDERS: 'x, y,',
      QMESH_MODE: 'b',
      OTHER_KEY: 'k',
    };
    const fromJson = { slots: 8, share: 0.25, open: true, seeders: ['x', 'y'], mode: 'b', key: 'k' };
    const expected = { slots: 8, share: 0.25, open: true, seeders: ['x', 'y'], mode: 'b', key: 'k' };
    expect(load({ env: fromText }).values).toEqual(expected);
    expect(load({ file: { path: 'f', text: JSON.stringify(fromJson) } }).values).toEqual(expected);
  });

  it('ignores what is empty, what is not ours, and what was said to be of others', () => {
    const env = { QMESH_SLOTS: '', PATH: '/bin', QMESH_SOAK: '1' };
    expect(load({ env, foreignEnv: ['QMESH_SOAK'] }).values.slots).toBe(4);
  });

  it('names what is bad, where it came from, and what is expected; all at once', () => {
    expect(
      problemsOf({
        flags: { slots: 'many', colour: 'red' },
        env: { QMESH_SLOTS: '65', QMESH_SLOT: '1', QMESH_MODE: 'c', QMESH_SHARE: '', QMESH_OPEN: 'maybe' },
        file: { path: '/home/qmesh.config.json', text: '{"slots": 1.5, "sloots": 3, "seeders": [1]}' },
      }),
    ).toEqual([
      '"slots" in /home/qmesh.config.json is 1.5; expected a whole number from 1 to 64',
      '"sloots" in /home/qmesh.config.json is not a setting; did you mean slots?',
      '"seeders" in /home/qmesh.config.json is [1]; expected some text',
      'QMESH_SLOTS in the environment is "65"; expected a whole number from 1 to 64',
      'QMESH_SLOT in the environment is not a setting; did you mean QMESH_SLOTS?',
      'QMESH_MODE in the environment is "c"; expected one of a, b',
      'QMESH_OPEN in the environment is "maybe"; expected 1 or 0',
      '--slots is "many"; expected a whole number from 1 to 64',
      'the flag colour is not a setting',
    ]);
  });

  it('a mistake in a weaker source is reported, though a stronger one wins', () => {
    expect(problemsOf({ flags: { slots: 2 }, env: { QMESH_SLOTS: 'x' } })).toHaveLength(1);
  });

  it('says what is wrong with a file', () => {
    expect(problemsOf({ file: { path: 'f', text: '{' } })[0]).toMatch(/^f is not JSON: /);
    expect(problemsOf({ file: { path: 'f', text: '[]' } })).toEqual([
      'f holds no settings; expected {"name": value, …}',
    ]);
  });

  it('never shows a secret', () => {
    expect(problemsOf({ flags: { key: '' } })).toEqual(['--key is (secret); expected some text']);
    expect(JSON.stringify(describeConfig(definition))).not.toContain('initial');
  });

  it('never throws anything but ConfigError, and never lets a bad value through: for any environment and file', () => {
    const value = fc.oneof(
      fc.string(),
      fc.integer().map(String),
      fc.constantFrom('1', 'true', 'a', '0.5', 'NaN', 'Infinity', '1e3', '0x10'),
    );
    fc.assert(
      fc.property(
        fc.record({ slots: value, share: value, open: value, mode: value }, { requiredKeys: [] }),
        fc.json(),
        (given, json) => {
          try {
            const env = Object.fromEntries(
              Object.entries(given).map(([key, text]) => [`QMESH_${key.toUpperCase()}`, text]),
            );
            const { values } = load({ env, file: { path: 'f', text: json } });
            expect(Number.isInteger(values.slots) && values.slots >= 1 && values.slots <= 64).toBe(true);
            expect(values.share >= 0 && values.share <= 1).toBe(true);
            expect(typeof values.open).toBe('boolean');
            expect(['a', 'b']).toContain(values.mode);
          } catch (error) {
            if (!(error instanceof ConfigError)) throw error;
          }
        },
      ),
    );
  });

  it('describes each setting for the reference', () => {
    expect(describeConfig(definition)[0]).toEqual({
      key: 'slots',
      env: 'QMESH_SLOTS',
      flag: '--slots',
      default: '4',
      unit: 'slots',
      describe: 'How many.',
    });
  });
});
