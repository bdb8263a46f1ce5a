/** `qmesh models`: the models on this machine, and those that people run. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { addressOf } from '../../actors/models/model-address.js';
import { readCatalog, type CatalogEntry } from '../../gguf/catalog.js';
import { inspectGguf } from '../../gguf/inspect.js';
import type { Settings } from '../../settings.js';
import { readSettings, withSettings } from '../load-settings.js';
import { pullCommand } from './models-pull.js';
import { shareCommand } from './models-share.js';
import { modelFolders } from '../../model-folders.js';

const extension = '.gguf';

interface LocalModel {
  readonly name: string;
  readonly path: string;
  readonly bytes: number | null;
  readonly contextSize: number | null;
  /** Why it cannot be served; null where nothing is known against it. */
  readonly problem: string | null;
}

/** A model of the catalog; `url` is where a browser finds its file. */
type KnownModel = CatalogEntry & { readonly url: string; readonly present: boolean };

export const modelsCommand = (): Command => {
  const list = withSettings(
    new Command('list').description('The models on this machine, and real ones that people run.'),
    ['models', 'home'],
  )
    .option('--json', 'print one JSON object')
    .action(({ json, ...options }: Record<string, unknown>) => listModels(options, json === true));
  return new Command('models')
    .description('See which models there are, fetch one, offer yours.')
    .addCommand(list)
    .addCommand(pullCommand())
    .addCommand(shareCommand());
};

async function listModels(options: Readonly<Record<string, unknown>>, json: boolean): Promise<void> {
  const { values } = readSettings(options);
  const local = await localModels(values);
  const present = new Set(local.map(({ name }) => name));
  const catalog = (await readCatalog()).models.map((entry) => ({
    ...entry,
    url: addressOf(entry.uri, undefined).href,
    present: present.has(entry.name),
  }));
  const [folder = ''] = modelFolders(values);
  const text = json ? JSON.stringify({ local, catalog }) : page(local, catalog, folder);
  process.stdout.write(`${text}\n`);
}

/** Of each name the first, as a worker finds it. Names are in lower case: that is how they are compared. */
async function localModels(values: Settings): Promise<LocalModel[]> {
  const found = new Map<string, string>();
  for (const folder of modelFolders(values))
    for (const file of (await readdir(folder).catch(() => [])).sort())
      if (file.toLowerCase().endsWith(extension)) {
        const name = file.slice(0, -extension.length).toLowerCase();
        if (!found.has(name)) found.set(name, join(folder, file));
      }
  return Promise.all([...found].map(([name, path]) => describe(name, path)));
}

async function describe(name: string, path: string): Promise<LocalModel> {
  try {
    const { fileBytes, contextLength } = await inspectGguf(path);
    return { name, path, bytes: fileBytes, contextSize: contextLength ?? null, problem: null };
  } catch (error) {
    return { name, path, bytes: null, contextSize: null, problem: (error as Error).message };
  }
}

function page(local: readonly LocalModel[], catalog: readonly KnownModel[], folder: string): string {
  const here = local.map(({ name, path, bytes, contextSize, problem }) => [
    name,
    bytes === null ? '?' : size(bytes),
    contextSize === null ? '?' : `${contextSize}`,
    problem ?? path,
  ]);
  const known = catalog.map(({ name, bytes, memoryBytes, contextSize, licence, present }) => [
    name,
    size(bytes),
    size(memoryBytes),
    `${contextSize}`,
    licence,
    present ? 'here' : '',
  ]);
  const example = catalog.find(({ present }) => !present) ?? catalog[0];
  return [
    'On this machine (qmesh worker --model NAME):',
    ...(here.length === 0
      ? ['  none; a worker without --model makes its own demo model']
      : table([['NAME', 'SIZE', 'CONTEXT', 'FILE'], ...here])),
    '',
    'Real models that people run (sizes, and memory for one slot of 4,096 tokens, are approximate):',
    ...table([['NAME', 'SIZE', 'MEMORY', 'CONTEXT', 'LICENCE', ''], ...known]),
    '',
    `Fetch one into ${folder}, from the mesh or from its address, and serve it by name:`,
    ...(example === undefined ? [] : [`  qmesh models pull ${example.name}`, `  qmesh worker --model ${example.name}`]),
  ].join('\n');
}

/** Columns as wide as their widest cell. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd());
}

const size = (bytes: number): string =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${Math.max(1, Math.round(bytes / 1e6))} MB`;
