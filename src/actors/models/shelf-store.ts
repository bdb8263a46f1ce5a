/**
 * Stores the cores of all shelves, this node's own and other nodes', for the life of the process. The folder is new
 * each time: with a copied home, two nodes would otherwise write to the same drive, and other nodes' offers are
 * worthless once they are gone. A killed process leaves its folder behind; the next one to open a store removes it.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import Corestore from 'corestore';
import Hypercore from 'hypercore';
import { isCode } from '../../runtime/errors.js';

/** Cards are small. The default of 64 MiB is allocated on disk while the store is open. */
const writeBufferBytes = 1 << 20;

export interface ShelfStore {
  readonly cores: Corestore;
  /** Never rejects. */
  close(): Promise<void>;
}

/**
 * Folder names identify their process. The host is included because containers may share a folder but have separate
 * process IDs.
 */
const folderPrefix = `qmesh-shelves-${createHash('sha256').update(hostname()).digest('hex').slice(0, 8)}-`;

export async function openShelfStore(): Promise<ShelfStore> {
  await removeLeftBehind();
  const folder = await mkdtemp(join(tmpdir(), `${folderPrefix}${process.pid}-`));
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

/** Folders that cannot be removed belong to another user. */
async function removeLeftBehind(): Promise<void> {
  const all = await readdir(tmpdir()).catch(() => []);
  const left = all.filter((name) => name.startsWith(folderPrefix) && !isRunning(Number.parseInt(name.slice(folderPrefix.length))));
  await Promise.all(left.map((name) => rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => {})));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !isCode(error, 'ESRCH');
  }
}
