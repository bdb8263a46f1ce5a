/** `qmesh models list`: the models on this machine and popular ones, or with `--mesh` those that other nodes share. */
import { basename, dirname } from 'node:path';
import { Command } from 'commander';
import { listModels, type LocalModel } from '../../actors/models/model-library.js';
import { ModelMemory } from '../../actors/models/model-memory.js';
import { addressOf } from '../../actors/models/model-address.js';
import type { Offer, Want } from '../../actors/models/shelves.js';
import { readCatalog, type CatalogEntry } from '../../gguf/catalog.js';
import { modelFolders } from '../../model-folders.js';
import { systemClock } from '../../runtime/clock.js';
import { systemRandom } from '../../runtime/random.js';
import { notJoined } from '../failure.js';
import { readSettings, withSettings } from '../load-settings.js';
import { printable } from '../printable.js';
import { withManual } from '../manual.js';
import { joinMesh, modelsSettings } from '../models-process.js';
import { paintFor } from '../paint.js';
import { progressBar } from '../progress-bar.js';
import { showBytes } from '../sizes.js';
import { table } from '../table.js';

/** How long to listen to the mesh; connected nodes have sent their shelf by then. */
const listenMs = 3_000;
/** From this number on, reading the headers takes long enough to say so. */
const manyHeaders = 20;

export const listCommand = (): Command =>
  withManual(
    withSettings(
      new Command('list').description('List the models on this machine, and popular ones to fetch.'),
      modelsSettings,
    )
      .option('--mesh', 'list those that other nodes offer right now')
      .option('--json', 'print one JSON object'),
    {
      examples: [
        ['qmesh models list', 'what is here, what is wrong with it, and what you can get'],
        ['qmesh models list --mesh', 'what other nodes offer'],
      ],
      see: ['qmesh models recommend', 'docs/models.md'],
    },
  ).action(({ json, mesh, ...options }: Record<string, unknown>) =>
    mesh === true ? listMesh(options, json === true) : listHere(options, json === true),
  );

/** A model of the catalog. `url` is its page, for a browser. */
type KnownModel = CatalogEntry & { readonly url: string; readonly present: boolean };

async function listHere(options: Readonly<Record<string, unknown>>, json: boolean): Promise<void> {
  const { values } = readSettings(options);
  const folders = modelFolders(values);
  const local = await readHeaders(folders, new ModelMemory(values.home));
  const present = new Set(local.map(({ name }) => name));
  const catalog = (await readCatalog()).models.map((entry) => ({
    ...entry,
    url: addressOf(entry.uri, undefined).href,
    present: present.has(entry.name),
  }));
  const text = json
    ? JSON.stringify({ local: local.map(asJson), catalog })
    : [...here(local, folders), '', ...known(catalog)].join('\n');
  process.stdout.write(`${text}\n`);
}

async function readHeaders(folders: readonly string[], memory: ModelMemory): Promise<readonly LocalModel[]> {
  const bar = progressBar(process.stderr, systemClock);
  let isSaid = false;
  try {
    return await listModels(folders, memory, (read) => {
      if (read < manyHeaders || isSaid || !process.stderr.isTTY) return;
      isSaid = true;
      bar.say('Reading the headers of new models; they are remembered.');
    });
  } finally {
    bar.end();
  }
}

const asJson = ({ name, path, file, header, sha256, problem }: LocalModel): object => ({
  name,
  path,
  bytes: problem === undefined ? (file?.bytes ?? null) : null,
  contextSize: header?.trainedTokens ?? null,
  sha256: sha256 ?? null,
  problem: problem ?? null,
});

function here(local: readonly LocalModel[], folders: readonly string[]): readonly string[] {
  const paint = paintFor(process.stdout);
  const good = local.filter(({ problem }) => problem === undefined);
  const broken = local.filter(({ problem }) => problem !== undefined);
  const rows = good.map(({ name, file, header, path }) => [
    name,
    showBytes(file?.bytes ?? 0),
    header?.trainedTokens ?? '?',
    dirname(path) === folders[0] ? basename(path) : path,
  ]);
  return [
    `On this machine (qmesh worker --model NAME), in ${folders[0] ?? ''}:`,
    rows.length === 0
      ? 'none; a worker without --model makes its own demo model'
      : table(['NAME', 'SIZE', 'CONTEXT', 'FILE'], rows, { right: [1, 2] }),
    ...(broken.length === 0 ? [] : ['', 'Broken:']),
    ...broken.map(({ name, path, problem = '' }) => `${paint.bad(name)}  ${path}\n  ${problem}`),
  ];
}

/** Models already on this machine are listed above. */
function known(catalog: readonly KnownModel[]): readonly string[] {
  const absent = catalog.filter(({ present }) => !present);
  const [example] = absent;
  if (example === undefined) return ['All models of the catalog are here. What others offer: qmesh models list --mesh'];
  const rows = absent.map(({ name, bytes, memoryBytes, licence }) => [
    name,
    showBytes(bytes),
    showBytes(memoryBytes),
    licence,
  ]);
  return [
    'Real models that people run (sizes, and memory to serve one, are approximate):',
    table(['NAME', 'SIZE', 'MEMORY', 'LICENCE'], rows, { right: [1, 2] }),
    '',
    'Fetch one, from the mesh or from its address, and serve it by name:',
    `  qmesh models pull ${example.name}`,
    `  qmesh worker --model ${example.name}`,
    'Which fits this machine: qmesh models recommend',
    'What others offer:       qmesh models list --mesh',
  ];
}

interface Offered {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Node IDs, as used in QMESH_SEEDERS. */
  readonly seeders: readonly string[];
  readonly licence: string | null;
}

async function listMesh(options: Readonly<Record<string, unknown>>, json: boolean): Promise<void> {
  const { values } = readSettings(options);
  const network = await joinMesh(values, systemRandom.bytes(32)).catch((error: unknown) => {
    throw notJoined(error);
  });
  if (process.stderr.isTTY && !json) process.stderr.write(`Listening for ${listenMs / 1_000} s…\n`);
  await new Promise<void>((resolve) => systemClock.setTimeout(resolve, listenMs));
  const { models: catalog } = await readCatalog();
  const offered = gather(network.mesh.shelves.offers, values.seeders, catalog);
  const wanted = countWants(network.mesh.shelves.wants);
  const text = json ? JSON.stringify({ offered, wanted }) : `${offers(offered)}${wants(wanted)}`;
  process.stdout.write(`${text}\n`);
  await new Promise<void>((gone) => network.close(gone));
}

/** One row per file, whoever shares it and under whichever names. */
function gather(
  offers: readonly Offer[],
  trusted: readonly string[],
  catalog: readonly CatalogEntry[],
): readonly Offered[] {
  const files = new Map<string, Offered>();
  for (const { peerKey, node, card } of offers) {
    if (trusted.length > 0 && !trusted.includes(node) && !trusted.includes(peerKey)) continue;
    const key = `${card.sha256} ${card.name}`;
    const entry = catalog.find(({ name, sha256 }) =>
      sha256 === undefined ? name === card.name : sha256 === card.sha256,
    );
    files.set(key, {
      name: card.name,
      bytes: card.bytes,
      sha256: card.sha256,
      seeders: [...(files.get(key)?.seeders ?? []), node],
      licence: entry?.licence ?? card.licence ?? null,
    });
  }
  return [...files.values()].sort((a, b) =>
    a.name === b.name ? b.seeders.length - a.seeders.length : a.name < b.name ? -1 : 1,
  );
}

interface Wanted {
  /** A name, SHA-256 or address, as it was requested. */
  readonly model: string;
  readonly nodes: number;
}

/** Most requested first. */
function countWants(all: readonly Want[]): readonly Wanted[] {
  const nodes = new Map<string, number>();
  for (const model of all.flatMap(({ models }) => models)) nodes.set(model, (nodes.get(model) ?? 0) + 1);
  return [...nodes].map(([model, count]) => ({ model, nodes: count })).sort((a, b) => b.nodes - a.nodes);
}

const shownWants = 8;

function wants(wanted: readonly Wanted[]): string {
  if (wanted.length === 0) return '';
  const shown = wanted.slice(0, shownWants).map(({ model, nodes }) => `${printable(model)} (${nodes})`);
  return `\n\nLooked for: ${shown.join(', ')}${wanted.length > shownWants ? ', …' : ''}`;
}

function offers(offered: readonly Offered[]): string {
  if (offered.length === 0)
    return 'Nobody in the mesh offers a model just now.\nOffer yours with: qmesh models share. What there is elsewhere: qmesh models list.';
  const rows = offered.map(({ name, bytes, sha256, seeders, licence }) => [
    name,
    showBytes(bytes),
    seeders.length,
    licence ?? '?',
    `${sha256.slice(0, 16)}…`,
  ]);
  return [
    table(['NAME', 'SIZE', 'SEEDERS', 'LICENCE', 'SHA-256'], rows, { right: [1, 2] }),
    '',
    'Fetch one by its name, or by its whole SHA-256 (--json shows it), with: qmesh models pull NAME',
  ].join('\n');
}
