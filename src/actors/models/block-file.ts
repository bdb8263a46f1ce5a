/**
 * A file as a sequence of blocks. A core's blocks are read from and written to it, so that they are stored only once on
 * this disk.
 */
import { constants, fstatSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { lendBuffer } from './block-buffers.js';
import { blockBytes, blockLength } from './block-tree.js';

/** The fault lies with the disk, not the peer. */
export class DiskError extends Error {
  override readonly name = 'DiskError';
}

/** The error to show a person when writing to `path` fails. */
export function whyNotWritten(path: string, error: unknown): DiskError {
  const { code, message } = error as NodeJS.ErrnoException;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  const why = isFull
    ? `the disk of ${path} is full; make room, and it goes on from what has arrived`
    : `cannot write ${path}: ${message}`;
  return new DiskError(why, { cause: error });
}

/** A block whose length is not the one expected at its index: the tree was not built with our block size. */
export class BlockLengthError extends Error {
  override readonly name = 'BlockLengthError';
}

export interface BlockFile {
  readonly bytes: number;
  /** @throws DiskError if another program has changed the file since it was opened for reading */
  read(index: number): Promise<Uint8Array>;
  write(index: number, block: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/**
 * A complete file, for reading. Reads fail once its size or modification time changes, since its contents may no longer
 * be what was hashed.
 */
export async function openWholeFile(path: string): Promise<BlockFile> {
  const file = await open(path, 'r');
  const { size: bytes, mtimeMs } = await file.stat();
  return {
    bytes,
    async read(index) {
      const now = fstatSync(file.fd); // synchronous: in the thread pool it would wait longer than it takes
      if (now.size !== bytes || now.mtimeMs !== mtimeMs) throw new DiskError(`${path} was changed while it was offered`);
      return readBlock(file, bytes, index);
    },
    write: () => Promise.reject(new DiskError(`${path} is not to be written`)),
    close: () => file.close(),
  };
}

/** A file being fetched. It has its full length from the start; missing blocks are holes. */
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
