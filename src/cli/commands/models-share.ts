/** `qmesh models share`: offers the models of this machine to the mesh, until it is stopped. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { openHome } from '../../actors/home.js';
import { loadIdentity } from '../../actors/identity.js';
import { shareModels } from '../../actors/models/share-models.js';
import { modelFolders } from '../../model-folders.js';
import { keyPairFromSeed } from '../../protocol/keys.js';
import { networkSeed } from '../../protocol/topics.js';
import { nullLogger } from '../../runtime/log.js';
import { systemRandom } from '../../runtime/random.js';
import { CommandError, splitAdvice } from '../failure.js';
import { readSettings, withSettings } from '../load-settings.js';
import { createHasher, joinMesh, limitOf, modelsSettings } from '../models-process.js';
import { megabytes } from '../progress-line.js';
import { untilSignal } from '../signals.js';

export const shareCommand = (): Command =>
  withSettings(
    new Command('share')
      .description('Offer models of this machine to the mesh, until it is stopped. They are not copied for it.')
      .argument('[names...]', 'names of models, as `qmesh models list` shows them; all, where none is given'),
    modelsSettings,
  )
    .option('--json', 'print one JSON line for each thing that happens')
    .action((names: string[], { json, ...options }: Record<string, unknown>) => share(names, options, json === true));

async function share(
  names: readonly string[],
  options: Readonly<Record<string, unknown>>,
  json: boolean,
): Promise<void> {
  const { values } = readSettings(options);
  const paths = await pathsOf(names, modelFolders(values));
  const keySeed = networkSeed(loadIdentity(openHome(values.home), systemRandom, nullLogger).seed, 'qmesh models share');
  const mesh = await joinMesh(values, keySeed).catch((error: unknown) => {
    const [why, next] = splitAdvice((error as Error).message);
    throw new CommandError('the mesh cannot be joined', why, next, { reason: 'network_failed' });
  });
  const hasher = createHasher();
  const say = (event: string, fields: object, line: string): void =>
    void process.stdout.write(`${json ? JSON.stringify({ event, ...fields }) : line}\n`);
  let sentBytes = 0;
  const stopped = untilSignal();
  try {
    const end = await shareModels(
      paths,
      {
        coresFolder: join(values.home, 'model-cores'),
        swarm: mesh.swarm,
        shelves: mesh.shelves,
        upload: limitOf(values.upKbps),
        readBlocks: hasher.readBlocks,
      },
      {
        shared: (card) =>
          say('shared', card, `Offering ${card.name}, ${megabytes(card.bytes)}, SHA-256 ${card.sha256}`),
        refused: (path, reason) => say('refused', { path, reason }, `Not offering ${path}: ${reason}`),
        sent: (bytes) => (sentBytes += bytes),
      },
    );
    const key = keyPairFromSeed(keySeed).publicKeyHex;
    say('sharing', { key }, `For the QMESH_SEEDERS of others: ${key}\nStop with Ctrl-C.`);
    await stopped;
    await end();
    say('ended', { sentBytes }, `Sent ${megabytes(sentBytes)}.`);
  } finally {
    await hasher.close();
    await new Promise<void>((resolve) => mesh.close(resolve));
  }
}

/** Of each name the first, as a worker finds it. */
async function pathsOf(names: readonly string[], folders: readonly string[]): Promise<readonly string[]> {
  const found = new Map<string, string>();
  for (const folder of folders)
    for (const file of (await readdir(folder).catch(() => [])).sort()) {
      const name = /^(.+)\.gguf$/i.exec(file)?.[1]?.toLowerCase();
      if (name !== undefined && !found.has(name)) found.set(name, join(folder, file));
    }
  const wanted = names.length === 0 ? [...found.keys()] : names.map((name) => name.toLowerCase());
  const missing = wanted.filter((name) => !found.has(name));
  if (missing.length === 0 && wanted.length > 0) return wanted.map((name) => found.get(name) ?? name);
  throw new CommandError(
    missing.length > 0 ? `there is no model ${missing.join(', ')}` : 'there is nothing to share',
    `Looked for .gguf files in ${folders.join(' and ')}.`,
    'qmesh models list shows what is here; qmesh models pull fetches one.',
    { reason: 'model_not_found' },
  );
}
