/**
 * The node's seed: created on the first run and never changed. `identity.key` holds it as 64 hex characters, readable
 * only by its owner; `worker-id.txt` next to it holds the public ID, for people and scripts.
 */
import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { keyPairFromSeed, seedBytes, type KeyPair } from '../../protocol/keys.js';
import { CodedError, isCode, messageOf } from '../../runtime/errors.js';
import type { Logger } from '../../runtime/log.js';
import type { Random } from '../../runtime/random.js';
import { balanceIn } from '../wallet/known-balance.js';
import { notWritable, type Home, type HomeErrorCode } from './home.js';

export interface Identity {
  /** Never logged, never sent. */
  readonly seed: Uint8Array;
  readonly keyPair: KeyPair;
  /** The node's ID: its public key in hex. */
  readonly id: string;
}

/** The identity of a home; created if missing. @throws CodedError */
export function loadIdentity(home: Home, random: Random, log: Logger): Identity {
  const file = join(home.path, 'identity.key');
  const known = readSeed(file, log);
  const seed = known ?? createSeed(home, file, random, log);
  const keyPair = keyPairFromSeed(seed);
  const id = keyPair.publicKeyHex;
  publishId(home, id);
  if (known === undefined) balanceIn(home, id, log).write(0);
  return { seed, keyPair, id };
}

/** Undefined if the file does not exist yet. */
function readSeed(file: string, log: Logger): Uint8Array | undefined {
  let text: string;
  try {
    tighten(file, log);
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw new CodedError<HomeErrorCode>(
      'identity_unreadable',
      `cannot read ${file} (${messageOf(error)}); make it a file of yours with mode 600, or set QMESH_HOME to another folder`,
      error,
    );
  }
  if (new RegExp(`^[0-9a-fA-F]{${2 * seedBytes}}$`).test(text)) return Buffer.from(text, 'hex');
  throw new CodedError<HomeErrorCode>(
    'identity_damaged',
    `${file} is damaged: it must hold ${2 * seedBytes} hex characters and nothing else; restore it from a backup, ` +
      'or move it away to get a new identity without the points of the old one',
  );
}

/**
 * Anyone who can read the seed can act as this node. The file may have been copied carelessly: fixes its mode and logs
 * that.
 */
function tighten(file: string, log: Logger): void {
  if (process.platform === 'win32') return;
  const stat = statSync(file);
  const mode = stat.mode & 0o777;
  if (!stat.isFile() || (mode & 0o077) === 0) return;
  chmodSync(file, 0o600);
  log.warn('identity.exposed', {
    file,
    message: `others could read it (mode ${mode.toString(8)}); its mode is 600 now. If they did, move it away to get a new identity`,
  });
}

function createSeed(home: Home, file: string, random: Random, log: Logger): Uint8Array {
  const seed = Buffer.from(random.bytes(seedBytes));
  const draft = `${file}.${process.pid}`;
  try {
    writeDurably(draft, `${seed.toString('hex')}\n`);
    linkSync(draft, file); // atomic, and never replaces the file of a process that was faster
    syncFolder(home.path);
    return seed;
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw notWritable(home.path, error);
    const other = readSeed(file, log);
    if (other) return other;
    throw notWritable(home.path, error);
  } finally {
    rmSync(draft, { force: true });
  }
}

function publishId({ path }: Home, id: string): void {
  const file = join(path, 'worker-id.txt');
  const text = `${id}\n`;
  try {
    if (readFileSync(file, 'utf8') === text) return;
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw notWritable(path, error);
  }
  const draft = `${file}.${process.pid}`; // a worker and clients of one home may get here at the same time
  try {
    writeFileSync(draft, text);
    renameSync(draft, file);
  } catch (error) {
    rmSync(draft, { force: true });
    throw notWritable(path, error);
  }
}

function writeDurably(file: string, text: string): void {
  const fd = openSync(file, 'wx', 0o600);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Without it, a power cut could undo the rename. Windows cannot open folders and does not need it. */
function syncFolder(path: string): void {
  if (process.platform === 'win32') return;
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
