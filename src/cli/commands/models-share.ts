/** `qmesh models share`: shares the models of this machine with the mesh until stopped. */
import { join } from 'node:path';
import { Command } from 'commander';
import { openHome } from '../../actors/home/home.js';
import { findModelFiles } from '../../actors/models/model-library.js';
import { loadIdentity } from '../../actors/home/identity.js';
import { shareModel, type SharedModel } from '../../actors/models/share-model.js';
import { readCatalog } from '../../gguf/catalog.js';
import { modelFolders } from '../../model-folders.js';
import { maxCards } from '../../protocol/model-card.js';
import { networkSeed } from '../../protocol/topics.js';
import { messageOf } from '../../runtime/errors.js';
import { nullLogger } from '../../runtime/log.js';
import { systemRandom } from '../../runtime/random.js';
import { CommandError, notJoined } from '../failure.js';
import { readSettings, withSettings } from '../load-settings.js';
import { withManual } from '../manual.js';
import { createHasher, joinMesh, limitOf, modelsSettings } from '../models-process.js';
import { showBytes } from '../sizes.js';
import { untilSignal } from '../signals.js';

export const shareCommand = (): Command =>
  withManual(
    withSettings(
      new Command('share')
        .description('Offer models on this machine to the mesh, until you stop it. Takes no extra disk space.')
        .argument('[names...]', 'names of models, as `qmesh models list` shows them; by default all'),
      modelsSettings,
    ).option('--json', 'print one JSON line per event'),
    {
      examples: [
        ['qmesh models share', 'all of them'],
        ['qmesh models share llama --up-kbps 500', 'one, and slowly'],
      ],
      see: ['qmesh models list --mesh', 'docs/models.md'],
    },
  ).action((names: string[], { json, ...options }: Record<string, unknown>) => share(names, options, json === true));

async function share(
  names: readonly string[],
  options: Readonly<Record<string, unknown>>,
  json: boolean,
): Promise<void> {
  const { values } = readSettings(options);
  const paths = await pathsOf(names, modelFolders(values));
  const identity = loadIdentity(openHome(values.home), systemRandom, nullLogger);
  const keySeed = networkSeed(identity.seed, 'qmesh models share');
  const network = await joinMesh(values, keySeed, identity.keyPair).catch((error: unknown) => {
    throw notJoined(error);
  });
  const hasher = createHasher();
  const say = (event: string, fields: object, line: string): void =>
    void process.stdout.write(`${json ? JSON.stringify({ event, ...fields }) : line}\n`);
  let sentBytes = 0;
  const stopped = untilSignal();
  try {
    const shared: SharedModel[] = [];
    const options = {
      coresFolder: join(values.home, 'model-cores'),
      mesh: network.mesh,
      upload: limitOf(values.upKbps),
      catalog: (await readCatalog()).models,
      sent: (bytes: number) => void (sentBytes += bytes),
    };
    for (const path of paths.slice(0, maxCards)) {
      try {
        const { sha256, bytes, tree } = await hasher.readBlocks(path);
        const content = { sha256, bytes, tree: Buffer.from(tree.root).toString('hex') };
        const model = await shareModel(path, content, { ...options, readTree: () => Promise.resolve(tree) });
        shared.push(model);
        const { card } = model;
        say('shared', card, `Offering ${card.name}, ${showBytes(card.bytes)}, SHA-256 ${card.sha256}`);
      } catch (error) {
        const reason = messageOf(error);
        say('refused', { path, reason }, `Not offering ${path}: ${reason}`);
      }
    }
    const node = identity.keyPair.publicKeyHex;
    say('sharing', { node }, `For the QMESH_SEEDERS of others: ${node}\nStop with Ctrl-C.`);
    await stopped;
    await Promise.all(shared.map((model) => model.close()));
    say('ended', { sentBytes }, `Sent ${showBytes(sentBytes)}.`);
  } finally {
    await hasher.close();
    await new Promise<void>((resolve) => network.close(resolve));
  }
}

/** The first file of each name, as a worker would pick it. */
async function pathsOf(names: readonly string[], folders: readonly string[]): Promise<readonly string[]> {
  const found = await findModelFiles(folders);
  const wanted = names.length === 0 ? [...found.keys()] : names.map((name) => name.toLowerCase());
  const missing = wanted.filter((name) => !found.has(name));
  if (missing.length === 0 && wanted.length > 0) return wanted.map((name) => found.get(name) ?? name);
  throw new CommandError(
    missing.length > 0 ? `there is no model ${missing.join(', ')}` : 'there is nothing to share',
    `Looked for .gguf files in ${folders.join(' and ')}.`,
    'qmesh models list shows what is here; qmesh models pull fetches one.',
    { code: 'model_not_found' },
  );
}
