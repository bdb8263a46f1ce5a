/**
 * Adapts a Hyperswarm Noise stream to the `Connection` of ports.ts. It works around these properties: a stream without
 * an `error` handler ends the process; one without a data reader never reports that it closed; an empty write vanishes,
 * one of more than 16 MiB destroys the connection; a peer that is gone never answers `end`.
 */
import type { NoiseStream } from 'hyperswarm';
import type { Clock } from '../../runtime/clock.js';
import type { Connection, ConnectionEvents } from '../ports.js';

/** Well below the 2^24 bytes that destroy the transport. */
const maxWriteBytes = 4 * 1024 * 1024;
/** How long a peer may take to read pending data after this side ended. */
const endTimeoutMs = 3_000;

export class NoiseConnection implements Connection {
  readonly remoteKey: string;
  readonly initiator: boolean;
  readonly remoteAddress: string | undefined;
  readonly #stream: NoiseStream;
  readonly #clock: Clock;
  /** `ending`: no more writes. `destroyed`: no more data either. `closed`: the stream has closed. */
  #state: 'open' | 'ending' | 'destroyed' | 'closed' = 'open';
  #on: ConnectionEvents | undefined;

  constructor(stream: NoiseStream, clock: Clock) {
    this.#stream = stream;
    this.#clock = clock;
    this.remoteKey = Buffer.from(stream.remotePublicKey).toString('hex');
    this.initiator = stream.isInitiator;
    this.remoteAddress = stream.rawStream?.remoteHost ?? undefined;
    stream.on('error', () => {}); // `close` follows and is all that matters
    stream.on('close', () => this.#closed());
  }

  get unsentBytes(): number {
    return this.#stream._writableState.buffered + (this.#stream.rawStream?._writableState.buffered ?? 0);
  }

  write(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.byteLength; start += maxWriteBytes) {
      if (this.#state !== 'open' || this.#stream.destroying) return;
      this.#stream.write(bytes.subarray(start, start + maxWriteBytes));
    }
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#stream.end();
    const timer = this.#clock.setTimeout(() => this.#stream.destroy(), endTimeoutMs);
    this.#stream.on('close', () => this.#clock.clearTimeout(timer));
  }

  destroy(): void {
    if (this.#state === 'closed') return;
    this.#state = 'destroyed';
    this.#stream.destroy();
  }

  listen(on: ConnectionEvents): void {
    if (this.#state === 'closed') {
      queueMicrotask(() => on.closed());
      return;
    }
    this.#on = on;
    this.#stream.on('data', (bytes: Uint8Array) => {
      if (this.#state === 'open' || this.#state === 'ending') on.data(bytes);
    });
    this.#stream.on('end', () => this.end()); // the peer ended: unless we do too, the stream stays half closed
  }

  #closed(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#on?.closed();
  }
}
