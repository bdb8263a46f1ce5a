/**
 * Reads the header of an untrusted file sequentially through a small window. Whatever the file claims, memory is
 * bounded by the window and time by maxHeaderBytes. The event loop can run at each refill of the window.
 */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { GgufError, type GgufErrorCode } from './error.js';

/** Real headers are below 30 MiB: 260,000 tokens with their merges, and a tokenizer as JSON. */
export const maxHeaderBytes = 96 * 2 ** 20;
/** Also the longest value that can be read at once. */
export const windowBytes = 2 ** 20;
/**
 * Bytes read from the file at a time, unless more are needed: about 10,000 tokens, which take a few milliseconds to
 * parse.
 */
const refillBytes = 128 * 1024;

export class HeaderCursor {
  readonly #window = Buffer.allocUnsafe(windowBytes);
  #start = 0; // next unread byte of the window
  #end = 0; // end of the data in the window
  #fileOffset = 0; // offset in the file of the window's end

  private constructor(
    readonly path: string,
    readonly fileBytes: number,
    private readonly file: FileHandle,
  ) {}

  static async open(path: string): Promise<HeaderCursor> {
    try {
      const status = await stat(path); // before opening it: opening a named pipe would wait for a writer
      if (!status.isFile()) throw new Error('it is not a file');
      return new HeaderCursor(path, status.size, await open(path, 'r'));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new GgufError('unreadable', path, `it cannot be read (${why})`, { cause: error });
    }
  }

  get position(): number {
    return this.#fileOffset - (this.#end - this.#start);
  }

  fail(code: GgufErrorCode, reason: string): never {
    throw new GgufError(code, this.path, reason);
  }

  close(): Promise<void> {
    return this.file.close();
  }

  /** Whether the next `bytes` bytes can be taken without waiting. */
  holds(bytes: number): boolean {
    return this.#end - this.#start >= bytes;
  }

  /**
   * Waits until `bytes` bytes (at most windowBytes) can be taken. Fails if they exceed the file or the header limit.
   */
  async need(bytes: number): Promise<void> {
    if (this.holds(bytes)) return;
    this.#mayReach(this.position + bytes);
    this.#window.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    while (this.#end < bytes) {
      const want = Math.min(this.#window.length - this.#end, Math.max(bytes - this.#end, refillBytes));
      const { bytesRead } = await this.file.read(this.#window, this.#end, want, this.#fileOffset);
      if (bytesRead === 0) this.fail('truncated', 'it ends in the middle of its header');
      this.#end += bytesRead;
      this.#fileOffset += bytesRead;
    }
  }

  /** Skips bytes without reading them. */
  skip(bytes: number): void {
    const target = this.position + bytes;
    this.#mayReach(target);
    if (this.holds(bytes)) {
      this.#start += bytes;
    } else {
      this.#start = this.#end = 0;
      this.#fileOffset = target;
    }
  }

  /** The next `bytes` bytes, valid until the next call. */
  take(bytes: number): Buffer {
    this.#start += bytes;
    return this.#window.subarray(this.#start - bytes, this.#start);
  }

  takeUint32(): number {
    this.#start += 4;
    return this.#window.readUInt32LE(this.#start - 4);
  }

  /** Exact up to 2⁵³; larger values exceed every limit here anyway. */
  takeUint64(): number {
    const low = this.takeUint32();
    return low + this.takeUint32() * 2 ** 32;
  }

  #mayReach(offset: number): void {
    if (offset > this.fileBytes) this.fail('truncated', 'it ends in the middle of its header');
    if (offset > maxHeaderBytes)
      this.fail('limit_exceeded', `its header is longer than ${maxHeaderBytes / 2 ** 20} MiB`);
  }
}
