/**
 * Where a worker's owner reaches it: a Unix domain socket in the home, or a named pipe on Windows. Whoever can open it
 * controls the worker, so only this user may.
 *
 * Systems limit a socket's path to about a hundred bytes. A home with a longer path has its socket in this user's
 * folder in the system's temporary directory. Others could have created that folder first, so both sides check its
 * owner and permissions.
 */
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Home } from '../home/home.js';

/** Size of `sun_path` without the terminating zero: 107 on Linux, 103 on macOS and the BSDs. */
const maxSocketPathBytes = 103;

export interface ControlPlace {
  readonly path: string;
  /** Whether it is a file, which a killed worker leaves behind. */
  readonly isFile: boolean;
}

/** The same for both sides, whatever path each used for the home. @throws if the folder belongs to someone else. */
export function controlPlace(home: Home): ControlPlace {
  const path = realpathSync(home.path);
  const hash = createHash('sha256').update(path).digest('hex').slice(0, 32);
  if (process.platform === 'win32') return { path: `\\\\.\\pipe\\qmesh-${hash}`, isFile: false };
  const inHome = join(path, 'control.sock');
  if (Buffer.byteLength(inHome) <= maxSocketPathBytes) return { path: inHome, isFile: true };
  return { path: join(ownFolder(), `${hash}.sock`), isFile: true };
}

function ownFolder(): string {
  const { uid } = userInfo();
  const folder = join(tmpdir(), `qmesh-${uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stat = lstatSync(folder);
  if (!stat.isDirectory() || stat.uid !== uid || (stat.mode & 0o077) !== 0)
    throw new Error(`${folder} is not a folder of this user alone; remove it, or set TMPDIR or a shorter QMESH_HOME`);
  return folder;
}
