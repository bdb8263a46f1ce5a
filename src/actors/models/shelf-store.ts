/**
 * The cores of the shelves, this node's own and those of others, for as long as the process lives. The folder is a new one each time: a
 * home that was copied would otherwise have a drive that two nodes write to, and what others offer is worth nothing once they are gone.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Corestore from 'corestore';
import Hypercore from 'hypercore';

/** Cards are small. The default, 64 MiB, is laid out on the disk as long as the store is open. */
const writeBufferBytes = 1 << 20;

export interface ShelfStore {
  readonly cores: Corestore;
  /** Never rejects. */
  close(): Promise<void>;
}

export async function openShelfStore(): Promise<ShelfStore> {
  const folder = await mkdtemp(join(tmpdir(), 'qmesh-shelves-'));
  const cores = new Corestore(Hypercore.defaultStorage(folder, { writeBufferSize: writeBufferBytes, allowBackup: false }));
  await cores.ready();
  return {
    cores,
    async close() {
      await cores.close().catch(() => {});
      await rm(folder, { recursive: true, force: true }).catch(() => {});
    },
  };
}
