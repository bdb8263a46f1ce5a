/** `qmesh config`: the settings in force, and where each came from. */
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { describeConfig, type Config } from '../../runtime/config.js';
import { settings, type Settings } from '../../settings.js';
import { configPath, readSettings, withSettings } from '../load-settings.js';
import { withManual } from '../manual.js';
import { table } from '../table.js';
import { asTyped } from '../typed-value.js';

interface Options extends Readonly<Record<string, unknown>> {
  readonly sources?: boolean;
  readonly json?: boolean;
}

export const configCommand = (): Command =>
  withManual(
    new Command('config')
      .description('See the settings in force, and where they come from.')
      .addCommand(showCommand())
      .addCommand(pathCommand()),
    {
      examples: [['qmesh config show --sources', 'every setting, and why it has its value']],
      see: ['docs/configuration.md'],
    },
  );

const showCommand = (): Command =>
  withManual(
    withSettings(new Command('show').description('Show every setting. Secrets are hidden.'), ['home'])
      .option('--sources', 'also show where each comes from: a flag, the environment, the file, or the default')
      .option('--json', 'print one JSON object'),
    {
      about: [
        'As a command would read them here and now: from the environment and from',
        'qmesh.config.json in the home.',
      ],
      examples: [
        ['qmesh config show', 'what is in force'],
        ['qmesh config show --sources', 'and why'],
        ['qmesh config show --json | jq .slots', 'for programs'],
      ],
      see: ['docs/configuration.md'],
    },
  ).action((options: Options) => show(options));

const pathCommand = (): Command =>
  withManual(
    withSettings(new Command('path').description('Print where the configuration file is, or would be.'), [
      'home',
    ]).option('--json', 'print one JSON object'),
    { examples: [['qmesh config path', 'whether or not it is there']], see: ['qmesh config show'] },
  ).action((options: Options) => {
    const path = configPath(readSettings(options).values);
    const isThere = existsSync(path);
    process.stdout.write(options.json === true ? `${JSON.stringify({ path, exists: isThere })}\n` : `${path}\n`);
  });

function show(options: Options): void {
  const { sources, ...config } = configRows(readSettings(options));
  const { json = false, sources: withSources = false } = options;
  if (json) {
    const shown = config.rows.map(({ key, value }) => [key, withSources ? { value, source: sources[key] } : value]);
    process.stdout.write(`${JSON.stringify(Object.fromEntries(shown))}\n`);
    return;
  }
  const rows = config.rows.map(({ key, env, text }) => [key, text, ...(withSources ? [sources[key] ?? '', env] : [])]);
  const head = ['SETTING', 'VALUE', ...(withSources ? ['FROM', 'VARIABLE'] : [])];
  process.stdout.write(`${table(head, rows)}\n`);
}

interface Shown {
  readonly rows: readonly {
    readonly key: string;
    readonly env: string;
    readonly value: unknown;
    readonly text: string;
  }[];
  readonly sources: Readonly<Record<string, string>>;
}

const hidden = '(secret)';
const unset = '–';

function configRows({ values, sources }: Config<Settings>): Shown {
  const rows = describeConfig(settings).map(({ key, env }) => {
    const name = key as keyof Settings;
    const isHidden = settings[name].secret === true && asTyped(values[name]) !== undefined;
    const text = isHidden ? hidden : (asTyped(values[name]) ?? unset);
    return { key, env, text, value: isPlain(values[name]) && !isHidden ? (values[name] ?? null) : text };
  });
  return { rows, sources };
}

/** Values that JSON shows unchanged; others are shown as one would type them. */
const isPlain = (value: unknown): boolean => typeof value !== 'object' || Array.isArray(value);
