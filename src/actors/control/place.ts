/**
 * Where a worker's owner reaches it: a Unix domain socket in the home, on Windows a named pipe. Whoever may open it owns the worker, so
 * only this user may.
 *
 * The system cuts a socket's path at some hundred bytes. A home that is deeper has its socket in a folder of this user under the
 * system's temporary one, which others could have made first: so its owner and its permissions are checked, by both sides.
 */
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Home } from '../home/home.js';

/** Of `sun_path`, without the zero at its end: 107 on Linux, 103 on macOS and the BSDs. */
const maxSocketPathBytes = 103;

export interface ControlPlace {
  readonly path: string;
  /** Whether a file stands there, which a worker that was killed leaves behind. */
  readonly isFile: boolean;
}

/** The same for both sides, by whatever path each has come to the home. @throws where the place belongs to somebody else. */
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
