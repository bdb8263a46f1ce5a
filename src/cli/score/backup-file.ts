/**
 * A backup of the ledger as one file that any machine can read: one JSON object per line.
 *
 *     {"backup":"qmesh-score","version":1,"account":…,"network":…,"at":…}
 *     {"certificate":…} {"entry":…} {"signed":…} {"claim":…} {"evidence":…}      any number of each
 *     {"end":{"lines":…,"sha256":…,"signature":…}}
 *
 * The last line holds the hash of all bytes before it, signed by the node whose backup it is. Some content cannot prove
 * itself (a receipt of a closed day, of which only its part in the sums is left): it can be restored to that node only.
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, open, rm, type FileHandle } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { PageOf } from '../../actors/scores/score-pages.js';
import type { KeyPair } from '../../protocol/keys.js';
import { publicKey, sha256, signature, time } from '../../protocol/schema.js';
import { sign, verify } from '../../protocol/signing.js';
import { CommandError } from '../failure.js';
import { all, type ScoreReader } from './score-reader.js';

const version = 1;

const headSchema = z.object({
  backup: z.literal('qmesh-score'),
  version: z.int(),
  account: publicKey,
  network: z.string(),
  at: time,
});
export type BackupHead = z.infer<typeof headSchema>;

const endSchema = z.object({ end: z.object({ lines: z.int().min(0), sha256, signature }) });

/** A line's content is under its only key. */
export type BackupLine = Readonly<Record<string, unknown>>;

const lineOf: Readonly<Record<PageOf, (key: string, value: unknown) => BackupLine>> = {
  certificates: (_, certificate) => ({ certificate }),
  entries: (_, entry) => ({ entry }),
  signed: (key, object) => ({ signed: { what: key.split('/')[0], order: key.split('/')[1], object } }),
  claims: (_, claim) => ({ claim }),
  evidence: (_, evidence) => ({ evidence }),
};

/**
 * @param path must not exist yet
 * @returns the number of lines written
 * @throws CommandError
 */
export async function writeBackup(
  reader: ScoreReader,
  path: string,
  { account, network, at, keyPair }: Pick<BackupHead, 'account' | 'network' | 'at'> & { readonly keyPair: KeyPair },
): Promise<number> {
  const draft = `${path}.${process.pid}.new`;
  const file = await open(draft, 'wx', 0o600).catch((error: unknown) => {
    throw cannotWrite(path, error);
  });
  try {
    const lines = new HashedLines(file);
    await lines.write({ backup: 'qmesh-score', version, account, network, at });
    for await (const line of contents(reader)) await lines.write(line);
    const seal = { account, lines: lines.count, sha256: lines.hash.digest('hex') };
    await file.write(
      `${JSON.stringify({ end: { lines: seal.lines, sha256: seal.sha256, signature: sign('backup', seal, keyPair) } })}\n`,
    );
    await file.sync();
    await link(draft, path); // never overwrites an existing file
    return lines.count - 1;
  } catch (error) {
    throw error instanceof CommandError ? error : cannotWrite(path, error);
  } finally {
    await file.close();
    await rm(draft, { force: true });
  }
}

/** A receipt with its certificate needs no entry of its own: the certificate has everything. */
async function* contents(reader: ScoreReader): AsyncIterable<BackupLine> {
  const certified = new Set<string>();
  for await (const { key, value } of all(reader, 'certificates')) {
    certified.add(key);
    yield lineOf.certificates(key, value);
  }
  for await (const { key, value } of all(reader, 'entries'))
    if (!certified.has(key.slice(key.lastIndexOf('/') + 1))) yield lineOf.entries(key, value);
  for (const of of ['signed', 'claims', 'evidence'] as const)
    for await (const { key, value } of all(reader, of)) yield lineOf[of](key, value);
}

class HashedLines {
  readonly #file: FileHandle;
  readonly hash: Hash = createHash('sha256');
  count = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async write(line: object): Promise<void> {
    const text = `${JSON.stringify(line)}\n`;
    this.hash.update(text);
    this.count++;
    await this.#file.write(text);
  }
}

/**
 * Reads the whole file once. Nothing of it is used until all of it is known to be intact.
 * @throws CommandError
 */
export async function checkBackup(path: string): Promise<BackupHead> {
  const hash = createHash('sha256');
  let lines = 0;
  let head: BackupHead | undefined;
  let last: string | undefined;
  for await (const line of linesOf(path)) {
    if (last !== undefined) hash.update(`${last}\n`);
    else head = headOf(path, line);
    last = line;
    lines++;
  }
  const end = endSchema.safeParse(parsed(last ?? ''));
  if (head === undefined || !end.success) throw damaged(path, 'it does not end as a backup does: it is cut off');
  const { lines: count, sha256: written, signature } = end.data.end;
  if (written !== hash.digest('hex') || count !== lines - 1) throw damaged(path, 'its content is not what was written');
  if (!verify('backup', { account: head.account, lines: count, sha256: written }, signature, head.account))
    throw damaged(path, 'it is not signed by the node that it names');
  return head;
}

/** The lines between the first and the last, of a file that was checked. */
export async function* readBackup(path: string): AsyncIterable<BackupLine> {
  let isFirst = true;
  for await (const line of linesOf(path)) {
    const value = parsed(line) as BackupLine;
    if (!isFirst && !('end' in value)) yield value;
    isFirst = false;
  }
}

function headOf(path: string, line: string): BackupHead {
  const head = headSchema.safeParse(parsed(line));
  if (!head.success) throw damaged(path, 'it does not begin as a backup does');
  if (head.data.version > version)
    throw new CommandError(
      'this backup is of a later version',
      `${path} is of version ${head.data.version}, and this program knows ${version}.`,
      'Use the program that wrote it, or a later one.',
      { code: 'backup_unknown' },
    );
  return head.data;
}

async function* linesOf(path: string): AsyncIterable<string> {
  const input = createReadStream(path);
  try {
    yield* createInterface({ input, crlfDelay: Infinity });
  } catch (error) {
    throw new CommandError(
      'the backup cannot be read',
      (error as Error).message,
      'Name a file that qmesh score backup wrote.',
      {
        code: 'backup_unreadable',
      },
    );
  } finally {
    input.destroy();
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}

const damaged = (path: string, why: string): CommandError =>
  new CommandError('this is no whole backup', `${path}: ${why}.`, 'Nothing was changed. Take another copy of it.', {
    code: 'backup_damaged',
  });

function cannotWrite(path: string, error: unknown): CommandError {
  const isThere = (error as { readonly code?: unknown }).code === 'EEXIST';
  return new CommandError(
    isThere ? 'there is a file of this name already' : 'the backup cannot be written',
    isThere ? `${path} is left as it is.` : (error as Error).message,
    isThere ? 'Choose another name.' : 'Choose another place.',
    { code: isThere ? 'file_exists' : 'backup_unwritten' },
  );
}
