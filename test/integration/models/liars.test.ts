/** Nodes that offer what they do not have: the whole way of a fetch, from cards on shelves to the models folder, over streams without a DHT. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NoiseStream } from 'hyperswarm';
import { afterEach, expect, it } from 'vitest';
import { createActor } from 'xstate';
import { createFetch } from '../../../src/actors/fetch.actor.js';
import { ModelMesh } from '../../../src/actors/models/model-mesh.js';
import readBlocks from '../../../src/actors/models/read-blocks.js';
import { shareModel, type SharedModel } from '../../../src/actors/models/share-model.js';
import { unlimited } from '../../../src/actors/models/throttle.js';
import { writeModel } from '../../../src/gguf/models.js';
import type { FetchOutcome } from '../../../src/machines/fetch.js';
import { keyPairFromSeed } from '../../../src/protocol/keys.js';
import type { ModelContent } from '../../../src/protocol/model-content.js';
import { systemClock as clock } from '../../../src/runtime/clock.js';
import { systemRandom as random } from '../../../src/runtime/random.js';
import { closeMesh, connectStreams, newFolder } from '../../support/model-mesh.js';
import { until } from '../../support/real-network.js';

const meshes: ModelMesh[] = [];
const shared: SharedModel[] = [];
afterEach(async () => {
  for (const model of shared.splice(0)) await model.close();
  for (const mesh of meshes.splice(0)) await mesh.close();
  await closeMesh();
});

/** Two nodes that see each other. */
async function meet(name: string): Promise<{ readonly seeder: ModelMesh; readonly fetcher: ModelMesh; readonly key: string }> {
  const streams = await connectStreams();
  const [seeder, fetcher] = streams.map((stream, i) => meshOf(stream, `${name} ${i}`)) as [ModelMesh, ModelMesh];
  return { seeder, fetcher, key: hex(streams[1].remotePublicKey) };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const identityOf = (name: string) => keyPairFromSeed(Buffer.from(name.padEnd(32, '.')));

function meshOf(stream: NoiseStream, name: string, mesh?: ModelMesh, trusted: readonly string[] = []): ModelMesh {
  const key = hex((stream as unknown as { publicKey: Uint8Array }).publicKey);
  const identity = identityOf(name);
  const failed = (error: Error): never => {
    throw error;
  };
  const it = mesh ?? new ModelMesh({ clock, trusted, identity, network: 'qmesh-models-v2', key, failed });
  if (mesh === undefined) meshes.push(it);
  it.attach(stream);
  return it;
}

async function contentOf(path: string): Promise<ModelContent & { readonly blocks: Awaited<ReturnType<typeof readBlocks>>['tree'] }> {
  const { sha256, bytes, tree } = await readBlocks({ path });
  return { sha256, bytes, tree: hex(tree.root), blocks: tree };
}

async function share(mesh: ModelMesh, path: string, said: Partial<ModelContent> = {}): Promise<void> {
  const { blocks, ...content } = await contentOf(path);
  const model = await shareModel(path, { ...content, ...said }, {
    mesh,
    coresFolder: newFolder(),
    upload: unlimited,
    catalog: [],
    readTree: () => Promise.resolve(blocks),
  });
  shared.push(model);
}

async function fetch(mesh: ModelMesh, wanted: string, folder: string): Promise<FetchOutcome> {
  const actor = createActor(
    createFetch({
      modelsFolder: join(folder, 'models'),
      coresFolder: join(folder, 'cores'),
      catalog: [],
      mesh,
      hub: undefined,
      token: undefined,
      upload: unlimited,
      download: unlimited,
      readBlocks: (path) => readBlocks({ path }),
      clock,
      random,
      watch: { searching: () => {}, source: () => {}, progress: () => {}, trouble: () => {}, verifying: () => {} },
    }),
    { input: { wanted }, clock },
  );
  actor.start();
  await until(() => actor.getSnapshot().status === 'done', 'the fetch ends', 30_000);
  return actor.getSnapshot().output!;
}

it('a card for another file than its blocks are: nothing is kept, who told it is named and kept out, and an honest one completes it', async () => {
  const [good, bad] = [join(newFolder(), 'model.gguf'), join(newFolder(), 'model.gguf')];
  await writeModel('demo', good);
  writeFileSync(bad, Buffer.concat([readFileSync(good), Buffer.from('another file')]));
  const { sha256 } = await contentOf(good);
  const { seeder: liar, fetcher, key } = await meet('liar');
  await share(liar, bad, { sha256 });
  await until(() => fetcher.offers.length > 0, 'its card');
  const folder = newFolder();
  const lost = await fetch(fetcher, 'model', folder);
  expect(lost).toEqual({ kind: 'failed', reasons: [`it was offered as a file that it is not, by ${key.slice(0, 8)}`] });
  expect(existsSync(join(folder, 'models/model.gguf'))).toBe(false);
  expect(fetcher.swarm.peers.has(key)).toBe(false);

  const honest = await meet('honest');
  await share(honest.seeder, good);
  await until(() => honest.fetcher.offers.length > 0, 'the honest card');
  const found = await fetch(honest.fetcher, sha256, folder);
  expect(found).toMatchObject({ kind: 'fetched', model: { content: { sha256 } } });
  expect(readFileSync(join(folder, 'models/model.gguf')).equals(readFileSync(good))).toBe(true);
});

it('a file under the name of another one, asked for by its hash: the other one is not overwritten', async () => {
  const path = join(newFolder(), 'mine.gguf');
  await writeModel('demo', path);
  const { seeder, fetcher } = await meet('seeder');
  await share(seeder, path);
  await until(() => fetcher.offers.length > 0, 'its card');
  const folder = newFolder();
  const { sha256 } = await contentOf(path);
  expect(await fetch(fetcher, sha256, folder)).toMatchObject({ kind: 'fetched' });
  writeFileSync(join(folder, 'models/mine.gguf'), 'what the user has under that name');
  const again = await fetch(fetcher, sha256, folder);
  expect(again).toMatchObject({ model: { path: join(folder, `models/mine-${sha256.slice(0, 8)}.gguf`) } });
  expect(readFileSync(join(folder, 'models/mine.gguf'), 'utf8')).toBe('what the user has under that name');
});

it('takes from those whose node IDs it was given, whichever key they connect with; from nobody else', async () => {
  const path = join(newFolder(), 'model.gguf');
  await writeModel('demo', path);
  const named = identityOf('named').publicKeyHex;
  const [namedEnd, fetcherEnd] = await connectStreams();
  const [strangerEnd, otherEnd] = await connectStreams();
  const fetcher = meshOf(otherEnd, 'fetcher', undefined, [named]);
  const stranger = meshOf(strangerEnd, 'stranger');
  await share(stranger, path);
  await until(() => fetcher.shelves.offers.length > 0, 'the card of the stranger');
  expect(fetcher.offers).toEqual([]);
  expect(fetcher.view).toEqual({ peers: 0, offered: [] });

  meshOf(fetcherEnd, 'fetcher', fetcher);
  await share(meshOf(namedEnd, 'named'), path);
  await until(() => fetcher.offers.length > 0, 'the card of who is named');
  expect(fetcher.offers.map(({ node }) => node)).toEqual([named]);
  expect(fetcher.view).toEqual({ peers: 1, offered: ['model'] });
  expect(await fetch(fetcher, 'model', newFolder())).toMatchObject({ kind: 'fetched' });
  expect(fetcher.swarm.peers.has(hex(otherEnd.remotePublicKey))).toBe(true);
});

it('knows when all who are there have told what they have', async () => {
  const { seeder, fetcher } = await meet('teller');
  const path = join(newFolder(), 'model.gguf');
  await writeModel('demo', path);
  await until(() => fetcher.shelves.areHeard, 'the channel is open');
  expect(fetcher.isHeard).toBe(false); // it may not have found everybody
  fetcher.looked();
  expect(fetcher.isHeard).toBe(true);
  await share(seeder, path);
  await until(() => fetcher.offers.length > 0, 'its card');
  expect(fetcher.isHeard).toBe(true);
});
