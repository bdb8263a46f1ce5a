/** A command's settings: from its flags, the environment, and the file in the home. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { ConfigError, loadConfig, type Config } from '../runtime/config.js';
import { settings, type Settings } from '../settings.js';
import { policyMistake } from '../validator-policy.js';
import { settingsTitle } from './manual.js';
import { asTyped } from './typed-value.js';

/** Variables with our prefix that only tests read. */
const foreignEnv = ['QMESH_SOAK', 'QMESH_SEED'];

/** Declares the named settings as flags of `command`. */
export function withSettings(command: Command, keys: readonly (keyof Settings)[]): Command {
  for (const key of keys) {
    const { flag } = settings[key];
    if (flag !== undefined) command.addOption(new Option(flag, described(key)).helpGroup(settingsTitle));
  }
  return command;
}

function described(key: keyof Settings): string {
  const { describe, default: value, secret = false } = settings[key];
  const shown = secret ? undefined : asTyped(value)?.replace(homedir(), '~');
  return shown === undefined || shown === 'false' ? describe : `${describe} (default: ${shown})`;
}

/** The path of the settings file. */
export const configPath = ({ home }: Pick<Settings, 'home'>): string => join(home, 'qmesh.config.json');

/**
 * `--public` is short for `--bootstrap public`.
 * @throws ConfigError
 */
export function readSettings(options: Readonly<Record<string, unknown>>): Config<Settings> {
  const given = options.public === true ? { ...options, bootstrap: 'public' } : options;
  const known = new Set<string>(Object.keys(settings));
  const flags = Object.fromEntries(Object.entries(given).filter(([key]) => known.has(key)));
  const { env } = process;
  const first = loadConfig(settings, { flags, env, foreignEnv });
  const path = configPath(first.values);
  const config = existsSync(path)
    ? loadConfig(settings, { flags, env, foreignEnv, file: { path, text: readText(path) } })
    : first;
  const mistake = policyMistake(config.values);
  if (mistake !== undefined) throw new ConfigError([mistake]);
  return config;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError([`${path} cannot be read: ${(error as Error).message}`]);
  }
}
