/**
 * A model's core, open: the same thing whether its file is whole and offered to others, or still being fetched (and offered as far as
 * it is there). A core has a folder of its own, so two processes that want one model do not share anything, and one that is damaged
 * is deleted and made again from the file.
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
 * Requests that may be open at one peer, 1 MiB each: on a near one, and at most where the way is long. What several nodes have asked one
 * seeder for at the same time, it sends to each of them: few make a new model spread by being passed on.
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
 * @param coresFolder where each core has a folder named by its key.
 * @param readTree called where the tree is not in there from an earlier time: it takes a reading of the whole file.
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

/** Goes on where an earlier process ended. @param partPath the file that grows; nobody else may write to it. */
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
  // It knows of blocks in a file that is gone: one that was fetched before, and has been moved or removed since.
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

/** What peers read of the file is what this node sends: the limit stands there. */
const limitedReads = (file: BlockFile, upload: Throttle): BlockFile => ({
  ...file,
  read: async (index) => {
    const block = await file.read(index);
    await upload.take(block.byteLength);
    return block;
  },
});
