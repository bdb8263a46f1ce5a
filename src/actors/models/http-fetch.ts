/**
 * Fetches a model's file from a web address into a file that grows from its start.
 *
 *  1. What an earlier process left is kept if the server still has the same file (its ETag is stored next to it).
 *  2. Data is appended as it arrives. The first bytes must be those of a GGUF file, so that a login page is not taken
 *     for a model.
 *  3. If a try breaks off, another continues after a growing delay. Consecutive tries that bring next to nothing are
 *     counted and limited; a refusal ends the fetch at once.
 *  4. When all bytes are here, it is done. The caller then checks the hash.
 *
 * It ends with one call of `done` or `failed`, or with `cancel`.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { fruitfulBytes, maxBarrenTries, retryDelayMs } from '../../rules/model-fetch.js';
import type { Clock } from '../../runtime/clock.js';
import { asError } from '../../runtime/errors.js';
import type { Random } from '../../runtime/random.js';
import { whyNotWritten } from './block-file.js';
import {
  HttpFault,
  HttpRefusal,
  httpLimits,
  requestFile,
  StalePart,
  type FileAnswer,
  type HttpLimits,
} from './http-request.js';
import type { Throttle } from './throttle.js';

const magic = Buffer.from('GGUF');

export interface HttpFetchOptions {
  readonly address: URL;
  /** Grows. A file of the same name plus `.json` records what it is part of. */
  readonly partPath: string;
  /** Only if known for certain. */
  readonly bytes: number | undefined;
  readonly token: string | undefined;
  /**
   * Why a file of this size cannot be accepted. Called when the server states the size, before the first byte is taken.
   */
  readonly whyNot?: (totalBytes: number) => Promise<string | undefined>;
  readonly download: Throttle;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: HttpLimits;
}

export interface HttpFetchEvents {
  progress(now: { readonly bytes: number; readonly totalBytes: number | undefined }): void;
  retrying(reason: string, delayMs: number): void;
  /** `sha256` is what the hub reported. */
  done(file: { readonly sha256: string | undefined }): void;
  failed(error: Error): void;
}

/** Which file the part file belongs to. */
interface Origin {
  readonly address: string;
  readonly etag: string;
  /** As the server reported it; otherwise null. */
  readonly totalBytes: number | null;
  readonly sha256: string | null;
}

export function fetchFromHttp(options: HttpFetchOptions, on: HttpFetchEvents): { cancel(): void } {
  const abort = new AbortController();
  const fetch = new HttpFetch(options, on, abort.signal);
  fetch.run().then(
    (sha256) => abort.signal.aborted || on.done({ sha256 }),
    (error: unknown) => abort.signal.aborted || on.failed(asError(error)),
  );
  return { cancel: () => abort.abort() };
}

class HttpFetch {
  readonly #options: HttpFetchOptions;
  readonly #on: HttpFetchEvents;
  readonly #signal: AbortSignal;
  #bytes = 0;

  constructor(options: HttpFetchOptions, on: HttpFetchEvents, signal: AbortSignal) {
    this.#options = options;
    this.#on = on;
    this.#signal = signal;
  }

  /** @returns the SHA-256 as reported by the hub */
  async run(): Promise<string | undefined> {
    const file = await open(this.#options.partPath, 'a+').catch(cannotWrite(this.#options.partPath));
    try {
      for (let barrenTries = 0; ; ) {
        const before = this.#bytes;
        try {
          return await this.#try(file);
        } catch (error) {
          if (this.#signal.aborted || !(error instanceof HttpFault)) throw error;
          if (error instanceof StalePart) forgetPart(this.#options.partPath);
          barrenTries = this.#bytes - before >= fruitfulBytes ? 1 : barrenTries + 1;
          if (barrenTries >= maxBarrenTries)
            throw new HttpRefusal(`${error.message}; tried ${maxBarrenTries} times`, { cause: error });
          const delayMs = error.retryAfterMs ?? retryDelayMs(barrenTries, this.#options.random.next());
          this.#on.retrying(error.message, delayMs);
          await this.#wait(delayMs);
        }
      }
    } finally {
      await file.close();
    }
  }

  async #try(file: FileHandle): Promise<string | undefined> {
    const { address, token, limits = httpLimits, clock } = this.#options;
    const origin = this.#recall();
    this.#bytes = origin === undefined ? 0 : (await file.stat()).size;
    if (origin !== undefined && this.#bytes === origin.totalBytes) return origin.sha256 ?? undefined;
    const request = { address, token, from: this.#bytes, etag: origin?.etag };
    const answer = await requestFile(request, limits, clock, this.#signal);
    try {
      await this.#take(file, answer);
    } finally {
      answer.close();
    }
    return answer.sha256;
  }

  async #take(file: FileHandle, answer: FileAnswer): Promise<void> {
    const { address, bytes, whyNot, partPath } = this.#options;
    const { totalBytes } = answer;
    if (bytes !== undefined && totalBytes !== undefined && totalBytes !== bytes)
      throw new HttpRefusal(`${address.host} has a file of ${totalBytes} bytes, not of ${bytes}`);
    if (answer.start !== this.#bytes || answer.start === 0) await this.#restart(file, answer);
    const problem = totalBytes === undefined ? undefined : await whyNot?.(totalBytes);
    if (problem !== undefined) throw new HttpRefusal(problem);
    await this.#append(file, answer);
    const expected = bytes ?? totalBytes;
    if (expected !== undefined && this.#bytes < expected)
      throw new HttpFault(`${address.host} ended after ${this.#bytes} of ${expected} bytes`);
    await file.sync().catch(cannotWrite(partPath));
  }

  async #restart(file: FileHandle, { etag, totalBytes, sha256 }: FileAnswer): Promise<void> {
    this.#bytes = 0;
    forgetPart(this.#options.partPath);
    await file.truncate(0).catch(cannotWrite(this.#options.partPath));
    if (etag === undefined) return;
    const origin: Origin = {
      address: this.#options.address.href,
      etag,
      totalBytes: totalBytes ?? null,
      sha256: sha256 ?? null,
    };
    writeFileSync(originPath(this.#options.partPath), JSON.stringify(origin));
  }

  async #append(file: FileHandle, { pieces, totalBytes }: FileAnswer): Promise<void> {
    const { address, download } = this.#options;
    let head = this.#bytes === 0 ? Buffer.alloc(0) : undefined;
    for await (const piece of pieces) {
      await download.take(piece.byteLength);
      if (head !== undefined) {
        head = Buffer.concat([head, piece.subarray(0, magic.length - head.length)]);
        if (!magic.subarray(0, head.length).equals(head))
          throw new HttpRefusal(`${address.host}${address.pathname} is no GGUF file; is it a web page?`);
        if (head.length === magic.length) head = undefined;
      }
      const mostBytes = this.#options.bytes ?? totalBytes;
      if (mostBytes !== undefined && this.#bytes + piece.byteLength > mostBytes)
        throw new HttpRefusal(`${address.host} sends more than the ${mostBytes} bytes of the file`);
      await file.appendFile(piece).catch(cannotWrite(this.#options.partPath));
      this.#bytes += piece.byteLength;
      this.#on.progress({ bytes: this.#bytes, totalBytes });
    }
  }

  #wait(delayMs: number): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve, reject) => {
      const timer = clock.setTimeout(resolve, delayMs);
      this.#signal.addEventListener('abort', () => {
        clock.clearTimeout(timer);
        reject(new Error('cancelled'));
      });
    });
  }

  /** Undefined if there is nothing to continue. */
  #recall(): Origin | undefined {
    try {
      const origin = JSON.parse(readFileSync(originPath(this.#options.partPath), 'utf8')) as Origin;
      return origin.address === this.#options.address.href && typeof origin.etag === 'string' ? origin : undefined;
    } catch {
      return undefined;
    }
  }
}

const originPath = (partPath: string): string => `${partPath}.json`;

/** Makes the next fetch start over. Also called for a part that became the model or proved to be something else. */
export function forgetPart(partPath: string): void {
  rmSync(originPath(partPath), { force: true });
}

const cannotWrite = (path: string) => (error: unknown): never => {
  throw whyNotWritten(path, error);
};
