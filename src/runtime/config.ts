/**
 * Configuration from one schema: flags > environment > file > defaults. Anything unknown or invalid is an error that
 * says what it is, where it came from and what is expected. All errors are reported at once, so that users need not fix
 * them one by one.
 */
import type { z } from 'zod';
import { nearest } from './near-match.js';

export interface Setting<T> {
  /** Name of the environment variable. */
  readonly env?: string;
  /** As typed, with a placeholder for the value: `--slots <n>`. */
  readonly flag?: string;
  /** Its error messages say what is expected; see config-values.ts. */
  readonly schema: z.ZodType<T>;
  readonly default: T;
  /** One sentence, for the generated reference. */
  readonly describe: string;
  readonly unit?: string;
  /** Its value is never shown. */
  readonly secret?: boolean;
}

export type Definition<Values> = { readonly [K in keyof Values]: Setting<Values[K]> };

export type SourceKind = 'flag' | 'environment' | 'file' | 'default';

export interface ConfigSources {
  /** By key of the definition. Undefined means not given. */
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Variables that begin with `QMESH_` but are not settings: other code reads them. */
  readonly foreignEnv?: readonly string[];
  readonly file?: { readonly path: string; readonly text: string };
}

export interface Config<Values> {
  readonly values: Values;
  readonly sources: { readonly [K in keyof Values]: SourceKind };
}

/** One problem per line in `message`. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
  }
}

/** Only infers the definition's type. */
export const defineConfig = <Values>(definition: Definition<Values>): Definition<Values> => definition;

/** @throws ConfigError */
export function loadConfig<Values>(definition: Definition<Values>, from: ConfigSources): Config<Values> {
  const settings = new Map(Object.entries<Setting<unknown>>(definition));
  const values: Record<string, unknown> = {};
  const sources: Record<string, SourceKind> = {};
  for (const [key, setting] of settings) {
    values[key] = setting.default;
    sources[key] = 'default';
  }
  const problems: string[] = [];
  // From weakest to strongest. Every value is checked even if a stronger source overrides it, so that mistakes do not
  // lie dormant.
  for (const layer of [
    fileLayer(settings, from, problems),
    environmentLayer(settings, from),
    flagLayer(settings, from),
  ]) {
    for (const [name, raw] of layer.given) {
      const key = layer.keys.get(name);
      const setting = key === undefined ? undefined : settings.get(key);
      if (key === undefined || !setting) {
        const meant = nearest(name, layer.keys.keys());
        problems.push(`${layer.label(name)} is not a setting${meant === undefined ? '' : `; did you mean ${meant}?`}`);
        continue;
      }
      const parsed = setting.schema.safeParse(raw);
      if (parsed.success) {
        values[key] = parsed.data;
        sources[key] = layer.kind;
      } else {
        const expected = [...new Set(parsed.error.issues.map(({ message }) => message))].join('; ');
        problems.push(`${layer.label(name)} is ${shown(raw, setting)}; expected ${expected}`);
      }
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return { values, sources } as Config<Values>;
}

/** What one source gives, under its own names. */
interface Layer {
  readonly kind: SourceKind;
  readonly given: readonly (readonly [name: string, raw: unknown])[];
  /** Key of the definition, by name. */
  readonly keys: ReadonlyMap<string, string>;
  label(name: string): string;
}

type Settings = ReadonlyMap<string, Setting<unknown>>;

function fileLayer(settings: Settings, { file }: ConfigSources, problems: string[]): Layer {
  const path = file?.path ?? '';
  let content: unknown = {};
  try {
    if (file) content = JSON.parse(file.text);
  } catch (error) {
    problems.push(`${path} is not JSON: ${(error as Error).message}`);
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    problems.push(`${path} holds no settings; expected {"name": value, …}`);
    content = {};
  }
  return {
    kind: 'file',
    given: Object.entries(content as object),
    keys: new Map([...settings.keys()].map((key) => [key, key])),
    label: (name) => `"${name}" in ${path}`,
  };
}

/** Variables with this prefix are ours: one that is not in the definition is a mistake. */
const envPrefix = 'QMESH_';

function environmentLayer(settings: Settings, { env = {}, foreignEnv = [] }: ConfigSources): Layer {
  const keys = new Map(
    [...settings].flatMap(([key, { env: name }]) => (name === undefined ? [] : [[name, key] as const])),
  );
  const isOurs = (name: string): boolean =>
    keys.has(name) || (name.startsWith(envPrefix) && !foreignEnv.includes(name));
  return {
    kind: 'environment',
    given: Object.entries(env).filter(([name, value]) => isOurs(name) && value !== undefined && value !== ''), // empty is unset
    keys,
    label: (name) => `${name} in the environment`,
  };
}

function flagLayer(settings: Settings, { flags = {} }: ConfigSources): Layer {
  return {
    kind: 'flag',
    given: Object.entries(flags).filter(([, value]) => value !== undefined),
    keys: new Map([...settings].flatMap(([key, { flag }]) => (flag === undefined ? [] : [[key, key] as const]))),
    label: (name) => settings.get(name)?.flag?.split(' ')[0] ?? `the flag ${name}`,
  };
}

/** Longer values are truncated in messages. */
const maxShownLength = 80;

function shown(value: unknown, { secret = false }: Setting<unknown>): string {
  if (secret) return '(secret)';
  const text = JSON.stringify(value);
  return text.length > maxShownLength ? `${text.slice(0, maxShownLength)}…` : text;
}

export interface SettingRow {
  readonly key: string;
  readonly env: string;
  readonly flag: string;
  readonly default: string;
  readonly unit: string;
  readonly describe: string;
}

/** One row per setting, for the generated reference. */
export function describeConfig<Values>(definition: Definition<Values>): SettingRow[] {
  return Object.entries<Setting<unknown>>(definition).map(([key, setting]) => ({
    key,
    env: setting.env ?? '',
    flag: setting.flag ?? '',
    default: setting.default === undefined || setting.secret === true ? '' : shown(setting.default, setting),
    unit: setting.unit ?? '',
    describe: setting.describe,
  }));
}
