/**
 * The folder in which a node keeps what makes it this node. A worker locks it, since two workers of one identity would shut
 * each other out of the mesh; clients use it beside the worker, unlocked.
 *
 * The lock is one of the operating system on an open file: it ends with its process, however that ends, and nobody can
 * mistake another process that got the same pid for its holder. The pid in the file is for the message only.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { tryLock } from 'fs-native-extensions';
import { CodedError, isCode, messageOf } from '../../runtime/errors.js';
import { makeFolder } from '../../runtime/make-folder.js';

/** What can be wrong with a home, each with its own next step. */
export type HomeErrorCode =
  /** The path is a file, or runs through one. */
  | 'home_not_a_folder'
  /** It cannot be made, or nothing can be written in it. */
  | 'home_not_writable'
  /** Another worker runs on it. */
  | 'home_in_use'
  /** `identity.key` cannot be read, or its permissions cannot be mended. */
  | 'identity_unreadable'
  /** `identity.key` does not hold a seed. */
  | 'identity_damaged';

export interface Home {
  readonly path: string;
}

export interface HomeLock {
  release(): void;
}

/** Bytes that no pid reaches: on Windows a locked range cannot be read by others. */
const lockOffset = 1_024;

/** @throws CodedError */
export function openHome(path: string = join(homedir(), '.qmesh')): Home {
  try {
    makeFolder(path, 0o700);
    if (!statSync(path).isDirectory()) throw Object.assign(new Error(), { code: 'ENOTDIR' });
  } catch (error) {
    if (isCode(error, 'EEXIST', 'ENOTDIR')) {
      throw new CodedError<HomeErrorCode>(
        'home_not_a_folder',
        `home ${path} is not a folder; set QMESH_HOME to one`,
        error,
      );
    }
    throw notWritable(path, error);
  }
  return { path };
}

/** For a worker, for as long as it runs. @throws CodedError with `home_in_use` where another one has it. */
export function lockHome({ path }: Home): HomeLock {
  const file = join(path, 'worker.lock');
  let fd: number;
  try {
    fd = openSync(file, 'a+', 0o600); // kept when released: a lock on a file that was unlinked guards nothing
  } catch (error) {
    throw notWritable(path, error);
  }
  if (!tryLock(fd, lockOffset, 1)) {
    closeSync(fd);
    throw new CodedError<HomeErrorCode>(
      'home_in_use',
      `a worker is already running, pid ${readFileSync(file, 'utf8').trim() || 'unknown'}, on ${path}; ` +
        'stop it, or set QMESH_HOME to another folder',
    );
  }
  try {
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`);
  } catch {
    // a full disk: the lock holds without it
  }
  let isHeld = true;
  return {
    release(): void {
      if (!isHeld) return;
      isHeld = false;
      ftruncateSync(fd);
      closeSync(fd);
    },
  };
}

export function notWritable(path: string, error: unknown): CodedError<HomeErrorCode> {
  return new CodedError<HomeErrorCode>(
    'home_not_writable',
    `cannot write in home ${path} (${messageOf(error)}); make it writable, or set QMESH_HOME to another folder`,
    error,
  );
}
