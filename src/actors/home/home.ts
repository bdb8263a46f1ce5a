/**
 * The folder that holds a node's identity and state. A worker locks it, because two workers with one identity would
 * shut each other out of the mesh; clients use it next to the worker without locking.
 *
 * The lock is an operating system lock on an open file. It ends with its process, however that ends, and a reused pid
 * cannot be mistaken for its holder. The pid in the file is only for the error message.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { tryLock } from 'fs-native-extensions';
import { CodedError, isCode, messageOf } from '../../runtime/errors.js';
import { makeFolder } from '../../runtime/make-folder.js';

/** What can be wrong with a home, each with its own remedy. */
export type HomeErrorCode =
  /** The path is a file, or passes through one. */
  | 'home_not_a_folder'
  /** It cannot be created or written to. */
  | 'home_not_writable'
  /** Another worker is using it. */
  | 'home_in_use'
  /** `identity.key` cannot be read, or its permissions cannot be fixed. */
  | 'identity_unreadable'
  /** `identity.key` does not hold a seed. */
  | 'identity_damaged';

export interface Home {
  readonly path: string;
}

export interface HomeLock {
  release(): void;
}

/** Beyond the length of any pid: on Windows others cannot read a locked range. */
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

/** For a worker, as long as it runs. @throws CodedError with `home_in_use` if another worker holds it. */
export function lockHome({ path }: Home): HomeLock {
  const file = join(path, 'worker.lock');
  let fd: number;
  try {
    fd = openSync(file, 'a+', 0o600); // kept on release: a lock on an unlinked file guards nothing
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
    // the disk is full: the lock works without the pid
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
