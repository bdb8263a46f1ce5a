/**
 * Adds a file to this machine's models.
 *
 *  1. The file's header is inspected.
 *  2. The file is copied next to its destination by a thread that also hashes it. File systems that can clone files do
 *     so instead; a hard link is made only if requested.
 *  3. The copy is inspected and linked under its final name. An existing file of that name is never replaced.
 */
import { constants } from 'node:fs';
import { copyFile, link, realpath, rm, stat, statfs } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { inspectGguf } from '../../gguf/inspect.js';
import { partOf } from '../../gguf/split.js';
import { whyNoRoom } from '../../rules/model-fetch.js';
import { isCode } from '../../runtime/errors.js';
import { makeFolder } from '../../runtime/make-folder.js';
import type { FileHash } from '../../runtime/hash-file.js';
import { factsOf } from './model-library.js';
import { stateOf, type ModelMemory } from './model-memory.js';
import { incomingFolder } from './part-place.js';

export interface AddOptions {
  readonly from: string;
  /** The name it is served under, without `.gguf`. */
  readonly name: string;
  readonly folder: string;
  /** Hard link: one file under two names and no second copy. Changing one changes the other. */
  readonly isLink: boolean;
  /** The expected SHA-256, if known. */
  readonly sha256: string | undefined;
  readonly memory: ModelMemory;
  /** Both run in a thread. */
  readonly copy: (from: string, to: string) => Promise<FileHash>;
  readonly hash: (path: string) => Promise<FileHash>;
}

export interface AddedModel extends FileHash {
  readonly path: string;
  readonly how: 'copied' | 'cloned' | 'linked' | 'here already';
}

/** @throws GgufError if the file is not a usable model, and Error with the problem and what to do next */
export async function addModel(options: AddOptions): Promise<AddedModel> {
  const { from, name, folder, memory } = options;
  if (partOf(basename(from)) !== undefined)
    throw new Error(`it is one of several files of a model; put all of them into ${folder} as they are called`);
  await inspectGguf(from);
  const path = join(folder, `${name}.gguf`);
  if (await isSameFile(from, path)) return { path, ...(await options.hash(path)), how: 'here already' };
  const part = join(incomingFolder(folder), `${name}.${process.pid}.add`);
  makeFolder(incomingFolder(folder));
  await rm(part, { force: true }); // left by an earlier process with the same ID
  try {
    const { how, ...content } = await bring(options, part);
    if (options.sha256 !== undefined && options.sha256 !== content.sha256)
      throw new Error(
        `it is not the ${name} of the catalog: its SHA-256 is ${content.sha256}, not ${options.sha256}; ` +
          'add it under another name with --as',
      );
    const info = await inspectGguf(part); // of the copy: the original may have changed since
    const isHere = await place(part, path, content, options);
    const { sha256 } = content;
    const facts = { ...(await stateOf(path)), sha256, origin: sha256, header: factsOf(info) };
    memory.learn(new Map([[path, facts]]));
    return { path, ...content, how: isHere ? 'here already' : how };
  } finally {
    await rm(part, { force: true });
  }
}

async function bring(options: AddOptions, part: string): Promise<FileHash & { readonly how: AddedModel['how'] }> {
  const { from, folder, isLink, copy, hash } = options;
  if (isLink) {
    await link(await realpath(from), part).catch((error: unknown) => {
      throw isCode(error, 'EXDEV')
        ? new Error(`${from} lies on another disk than ${folder}; add it without --link, which copies it`)
        : error;
    });
    return { ...(await hash(part)), how: 'linked' };
  }
  try {
    await copyFile(from, part, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
    return { ...(await hash(part)), how: 'cloned' };
  } catch {
    await rm(part, { force: true }); // the file system cannot clone
  }
  const [{ size }, { bavail, bsize }] = await Promise.all([stat(from), statfs(folder)]);
  const problem = whyNoRoom({
    fileBytes: size,
    alreadyBytes: 0,
    freeDiskBytes: bavail * bsize,
    neededMemoryBytes: undefined,
    memoryBytes: 0,
  });
  if (problem !== undefined) throw new Error(`${problem}; --link takes no room where both are on one disk`);
  return { ...(await copy(from, part)), how: 'copied' };
}

/**
 * Never replaces another file.
 * @returns whether the same bytes were already there
 */
async function place(part: string, path: string, { sha256 }: FileHash, { name, hash }: AddOptions): Promise<boolean> {
  try {
    await link(part, path);
    return false;
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
    if ((await hash(path)).sha256 === sha256) return true;
    throw new Error(
      `there is another model ${name} already; remove it with qmesh models rm ${name}, or give --as NAME`,
    );
  }
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([stat(one), stat(other).catch(() => undefined)]);
  return b !== undefined && a.ino === b.ino && a.dev === b.dev;
}
