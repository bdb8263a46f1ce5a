/**
 * The cores of the shelves, this node's own and those of others, for as long as the process lives. The folder is a new one each time: a
 * home that was copied would otherwise have a drive that two nodes write to, and what others offer is worth nothing once they are gone.
 * A process that is killed leaves its folder behind; the next one that opens a store removes it.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import Corestore from 'corestore';
import Hypercore from 'hypercore';
import { isCode } from '../../runtime/errors.js';

/** Cards are small. The default, 64 MiB, is laid out on the disk as long as the store is open. */
const writeBufferBytes = 1 << 20;

export interface ShelfStore {
  readonly cores: Corestore;
  /** Never rejects. */
  close(): Promise<void>;
}

/** Names say whose process a folder is. The host is part of it, since containers may share a folder and count processes apart. */
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

/** What cannot be removed is somebody else's. */
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
