/**
 * Fetches one model for a command, from the first lookup to its place on disk. Ctrl-C stops it, and what has arrived is
 * kept.
 */
import { join } from 'node:path';
import { createActor } from 'xstate';
import { wantedInMesh } from '../actors/models/fetch-sources.js';
import { ModelDisk } from '../actors/models/model-disk.js';
import { ModelMemory, stateOf } from '../actors/models/model-memory.js';
import { createFetch, describeMesh, type FetchWatch } from '../actors/fetch.actor.js';
import { readCatalog, type CatalogEntry } from '../gguf/catalog.js';
import { inspectGguf } from '../gguf/inspect.js';
import type { FetchOutcome, ModelSource } from '../machines/fetch.js';
import { modelFolders } from '../model-folders.js';
import { systemClock } from '../runtime/clock.js';
import { systemRandom } from '../runtime/random.js';
import type { Settings } from '../settings.js';
import { createHasher, joinMesh, limitOf } from './models-process.js';
import { progressBar } from './progress-bar.js';
import { showBytes } from './sizes.js';

export async function fetchModel(wanted: string, values: Settings, watch: EndingWatch): Promise<FetchOutcome> {
  const { models: catalog } = await readCatalog();
  const here = await findHere(wantedInMesh(wanted, catalog), catalog, values);
  if (here !== undefined) {
    watch.here(here.path);
    return { kind: 'fetched', model: here };
  }
  const mesh = await joinMesh(values, systemRandom.bytes(32)).catch(() => undefined); // not needed if there is an address
  const hasher = createHasher();
  const [modelsFolder = '.'] = modelFolders(values);
  try {
    const actor = createActor(
      createFetch({
        modelsFolder,
        coresFolder: join(values.home, 'model-cores'),
        catalog,
        mesh: mesh?.mesh,
        hub: process.env.HF_ENDPOINT,
        token: process.env.HF_TOKEN,
        upload: limitOf(values.upKbps),
        download: limitOf(values.downKbps),
        readBlocks: hasher.readBlocks,
        clock: systemClock,
        random: systemRandom,
        watch,
      }),
      { input: { wanted }, clock: systemClock },
    );
    const stop = (): void => actor.send({ type: 'sys.shutdown' });
    const outcome = await new Promise<FetchOutcome>((resolve, reject) => {
      actor.subscribe({ complete: () => resolve(actor.getSnapshot().output ?? { kind: 'stopped' }), error: reject });
      process.once('SIGINT', stop);
      actor.start();
    });
    process.off('SIGINT', stop);
    if (outcome.kind === 'fetched') await remember(values.home, outcome.model);
    return outcome;
  } finally {
    await hasher.close();
    await new Promise<void>((resolve) => (mesh === undefined ? resolve() : mesh.close(resolve)));
  }
}

/** A valid file of that name or hash on this machine; undefined if it must be fetched. */
async function findHere(
  wanted: string | undefined,
  catalog: readonly CatalogEntry[],
  { home, models }: Settings,
): Promise<Fetched | undefined> {
  const folders = modelFolders({ home, models });
  const disk = new ModelDisk({ home, folders, contextSize: undefined, slots: undefined });
  try {
    const path = await disk.find(wanted ?? '');
    await inspectGguf(path);
    const content = await disk.contentOf(path);
    const promised = catalog.find(({ name }) => name === wanted?.toLowerCase())?.sha256;
    return promised === undefined || promised === content.sha256 ? { path, content } : undefined;
  } catch {
    return undefined; // missing or unusable
  } finally {
    await disk.close();
  }
}

type Fetched = Extract<FetchOutcome, { kind: 'fetched' }>['model'];

/** Stores the hash, which was just computed from the file's bytes. */
async function remember(home: string, { path, content }: Fetched): Promise<void> {
  const facts = { ...content, ...(await stateOf(path)), origin: content.sha256 };
  new ModelMemory(home).learn(new Map([[path, facts]]));
}

export type EndingWatch = FetchWatch & {
  /** The model is here already; nothing is fetched. */
  here(path: string): void;
  end(): void;
};

/** Shows progress to a person. */
export function fetchBar(): EndingWatch {
  const bar = progressBar(process.stderr, systemClock);
  return {
    searching: (mesh) => bar.say(`Looking in the mesh… ${describeMesh(mesh)}`),
    source: (source) => bar.say(whence(source)),
    progress: ({ bytes, totalBytes, seeders }) =>
      bar.update(bytes, totalBytes, `from ${seeders} ${seeders === 1 ? 'source' : 'sources'}`),
    trouble: (what) => bar.say(`  ${what}`),
    verifying: () => bar.say('Verifying…'),
    here: () => bar.say('It is here already; nothing is fetched.'),
    end: () => bar.end(),
  };
}

function whence(source: ModelSource): string {
  const from = source.kind === 'mesh' ? `from the mesh, ${showBytes(source.content.bytes)}` : `from ${source.uri}`;
  const memory =
    source.memoryBytes === undefined ? '' : `\n  takes about ${showBytes(source.memoryBytes)} of memory to serve`;
  return `${source.name}\n  ${from}${memory}`;
}
