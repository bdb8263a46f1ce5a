/** A file as a row of blocks: where a core's blocks are read from and written to, so that they exist once on this disk. */
import { constants, fstatSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { lendBuffer } from './block-buffers.js';
import { blockBytes, blockLength } from './block-tree.js';

/** The disk, not the peer, is to blame. */
export class DiskError extends Error {
  override readonly name = 'DiskError';
}

/** What to tell a person whose disk did not take what was written to `path`. */
export function whyNotWritten(path: string, error: unknown): DiskError {
  const { code, message } = error as NodeJS.ErrnoException;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  const why = isFull
    ? `the disk of ${path} is full; make room, and it goes on from what has arrived`
    : `cannot write ${path}: ${message}`;
  return new DiskError(why, { cause: error });
}

/** A block that is not as long as the file's blocks are: a tree that was made otherwise than ours are. */
export class BlockLengthError extends Error {
  override readonly name = 'BlockLengthError';
}

export interface BlockFile {
  readonly bytes: number;
  /** @throws DiskError where the file was changed by another program since it was opened for reading. */
  read(index: number): Promise<Uint8Array>;
  write(index: number, block: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** A whole file, to read from. A change of its size or time ends that: what it holds now is not what was hashed. */
export async function openWholeFile(path: string): Promise<BlockFile> {
  const file = await open(path, 'r');
  const { size: bytes, mtimeMs } = await file.stat();
  return {
    bytes,
    async read(index) {
      const now = fstatSync(file.fd); // in the thread pool it would wait longer than it takes
      if (now.size !== bytes || now.mtimeMs !== mtimeMs) throw new DiskError(`${path} was changed while it was offered`);
      return readBlock(file, bytes, index);
    },
    write: () => Promise.reject(new DiskError(`${path} is not to be written`)),
    close: () => file.close(),
  };
}

/** A file that is being fetched, in its full length from the start; what is missing is a hole. */
export async function openPartFile(path: string, bytes: number): Promise<BlockFile> {
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o644);
  try {
    await file.truncate(bytes);
  } catch (error) {
    await file.close();
    throw new DiskError(`cannot make ${path} ${bytes} bytes long: ${(error as Error).message}`, { cause: error });
  }
  return {
    bytes,
    read: (index) => readBlock(file, bytes, index),
    async write(index, block) {
      if (block.byteLength !== blockLength(bytes, index))
        throw new BlockLengthError(`block ${index} has ${block.byteLength} bytes, not ${blockLength(bytes, index)}`);
      try {
        for (let written = 0; written < block.byteLength; ) {
          const position = index * blockBytes + written;
          written += (await file.write(block, written, block.byteLength - written, position)).bytesWritten;
        }
      } catch (error) {
        throw whyNotWritten(path, error);
      }
    },
    close: () => file.close(),
  };
}

async function readBlock(file: FileHandle, bytes: number, index: number): Promise<Uint8Array> {
  const block = lendBuffer(blockLength(bytes, index));
  for (let filled = 0; filled < block.length; ) {
    const position = index * blockBytes + filled;
    const { bytesRead } = await file.read(block, filled, block.length - filled, position);
    if (bytesRead === 0) throw new DiskError(`block ${index} is not in the file`);
    filled += bytesRead;
  }
  return block;
}
