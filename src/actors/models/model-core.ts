/**
 * A model's open core. It works the same whether its file is complete and shared, or still being fetched (and shared as
 * far as it has arrived). Each core has its own folder, which only one process can have open. A damaged core is deleted
 * and rebuilt from the file.
 */
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import Hypercore from 'hypercore';
import type { ModelContent } from '../../protocol/model-content.js';
import { openPartFile, openWholeFile, type BlockFile } from './block-file.js';
import type { BlockTree } from './block-tree.js';
import { keyOf, manifestOf } from './model-key.js';
import { openCoreStorage, plantCore, reuseSentBlocks } from './core-storage.js';
import type { Throttle } from './throttle.js';

/**
 * Open requests per peer, 1 MiB each: for a nearby peer, and the maximum over a long round trip. A seeder sends a block
 * to every node that has requested it, so keeping requests few makes a new model spread from node to node.
 */
const requestsAtOnePeer = [2, 8] as const;

export interface ModelCore {
  readonly content: ModelContent;
  /** 64 hex characters. */
  readonly key: string;
  readonly core: Hypercore;
  readonly file: BlockFile;
  /** Never rejects. */
  close(): Promise<void>;
}

/**
 * @param coresFolder contains one folder per core, named by its key
 * @param readTree called if the tree is not stored there yet; reads the whole file
 */
export async function openSeed(
  coresFolder: string,
  path: string,
  content: ModelContent,
  readTree: () => Promise<BlockTree>,
  upload: Throttle,
): Promise<ModelCore> {
  const file = await openWholeFile(path);
  if (file.bytes !== content.bytes) {
    await file.close();
    throw new Error(`${path} was changed since it was looked at`);
  }
  return openCore(coresFolder, content, limitedReads(file, upload), readTree);
}

/**
 * Continues where an earlier process stopped.
 * @param partPath the growing file; nobody else may write to it
 */
export async function openFetch(
  coresFolder: string,
  partPath: string,
  content: ModelContent,
  upload: Throttle,
): Promise<ModelCore> {
  const isNew = !existsSync(partPath);
  const open = async (): Promise<ModelCore> =>
    openCore(coresFolder, content, limitedReads(await openPartFile(partPath, content.bytes), upload), undefined);
  const core = await open();
  if (!isNew || core.core.length === 0) return core;
  // Its database lists blocks of a file that is gone: an earlier fetch whose file was moved or removed.
  await core.close();
  await rm(join(coresFolder, core.key), { recursive: true, force: true });
  return open();
}

async function openCore(
  coresFolder: string,
  content: ModelContent,
  file: BlockFile,
  readTree: (() => Promise<BlockTree>) | undefined,
): Promise<ModelCore> {
  const key = keyOf(content);
  const hex = Buffer.from(key).toString('hex');
  const folder = join(coresFolder, hex);
  let core: Hypercore | undefined;
  try {
    await mkdir(folder, { recursive: true });
    const storage = openCoreStorage(folder, file);
    try {
      await storage.ready();
      if (readTree !== undefined) await plantCore(storage, content, readTree);
      core = new Hypercore(storage, {
        key,
        manifest: manifestOf(content),
        writable: false,
        inflightRange: requestsAtOnePeer,
      });
      await core.ready();
      reuseSentBlocks(core);
    } catch (error) {
      await storage.close();
      throw error;
    }
  } catch (error) {
    await file.close();
    if (/\block/i.test((error as Error).message))
      throw new Error('it is open in this home already: by its worker, or by qmesh models share', { cause: error });
    throw error;
  }
  const opened = core;
  return {
    content,
    key: hex,
    core: opened,
    file,
    async close() {
      await opened.close().catch(() => {});
      await file.close().catch(() => {});
    },
  };
}

/** Applies the upload limit: blocks are read from the file only to be sent to peers. */
const limitedReads = (file: BlockFile, upload: Throttle): BlockFile => ({
  ...file,
  read: async (index) => {
    const block = await file.read(index);
    await upload.take(block.byteLength);
    return block;
  },
});
