/** A connection that also tells a second party when it is gone, whether or not its owner ever listened to it. */
import type { Connection, ConnectionEvents } from '../ports.js';

export class CountedConnection implements Connection {
  readonly #connection: Connection;
  readonly #gone: () => void;
  #isListenedTo = false;
  #isGone = false;

  constructor(connection: Connection, gone: () => void) {
    this.#connection = connection;
    this.#gone = gone;
  }

  get remoteKey(): string {
    return this.#connection.remoteKey;
  }

  get initiator(): boolean {
    return this.#connection.initiator;
  }

  get remoteAddress(): string | undefined {
    return this.#connection.remoteAddress;
  }

  get unsentBytes(): number {
    return this.#connection.unsentBytes;
  }

  write(bytes: Uint8Array): void {
    this.#connection.write(bytes);
  }

  destroy(): void {
    this.#connection.destroy();
    if (!this.#isListenedTo) this.#countOut();
  }

  end(): void {
    this.#connection.end();
    if (!this.#isListenedTo) this.#countOut();
  }

  listen(on: ConnectionEvents): void {
    this.#isListenedTo = true;
    this.#connection.listen({
      data: (bytes) => on.data(bytes),
      closed: () => {
        this.#countOut();
        on.closed();
      },
    });
  }

  #countOut(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#gone();
  }
}
