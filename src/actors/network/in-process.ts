/**
 * A network port without a network: a worker inside its client's process, reached through a pair of in-memory
 * connections. Bytes arrive in order, in a later turn of the event loop, as they would through a socket.
 */
import type { Clock } from '../../runtime/clock.js';
import type { Connection, ConnectionEvents, NetworkPort, TopicEvents } from '../ports.js';

export interface InProcessNetwork {
  /** For the worker: it finds nobody here, and nobody finds it. */
  readonly port: NetworkPort;
  /** Dials the worker now, or as soon as it listens on this topic. */
  dial(topic: string, connected: (connection: Connection) => void): void;
  /** Whether the last dialled connection is still open. */
  readonly isConnected: boolean;
}

/** @param keys the key that each side sees for the other. */
export function createInProcessNetwork(clock: Clock, keys: { worker: string; client: string }): InProcessNetwork {
  const listening = new Map<string, TopicEvents>();
  const dialling: { readonly topic: string; connected(connection: Connection): void }[] = [];
  let latest: End | undefined;
  const later = (act: () => void): void => void clock.setTimeout(act, 0);
  const connectAll = (): void => {
    for (const dial of dialling.splice(0)) {
      const worker = listening.get(dial.topic);
      if (worker === undefined) {
        dialling.push(dial);
        continue;
      }
      const near = new End(keys.worker, true, later);
      const far = new End(keys.client, false, later);
      near.peer = far;
      far.peer = near;
      latest = near;
      worker.connection(far);
      dial.connected(near);
    }
  };
  return {
    port: {
      open: (on) => {
        later(() => on.ready({ bootstrap: 'in-process', holdsLocal: false }));
        return {
          join: ({ topic, server }, topicOn) => {
            if (server) listening.set(topic, topicOn);
            later(connectAll);
            const close = (): void => {
              if (listening.get(topic) === topicOn) listening.delete(topic);
              later(() => topicOn.closed());
            };
            return { refresh: () => {}, dial: () => {}, close };
          },
          close: () => later(() => on.closed()),
        };
      },
    },
    dial: (topic, connected) => {
      dialling.push({ topic, connected });
      connectAll();
    },
    get isConnected() {
      return latest?.isOver === false;
    },
  };
}

class End implements Connection {
  readonly remoteAddress = undefined;
  unsentBytes = 0;
  peer: End | undefined;
  readonly #later: (act: () => void) => void;
  #on: ConnectionEvents | undefined;
  #early: Uint8Array[] = [];
  isOver = false;

  constructor(
    readonly remoteKey: string,
    readonly initiator: boolean,
    later: (act: () => void) => void,
  ) {
    this.#later = later;
  }

  write(bytes: Uint8Array): void {
    if (this.isOver) return;
    this.unsentBytes += bytes.byteLength;
    this.#later(() => {
      this.unsentBytes -= bytes.byteLength;
      this.peer?.receive(bytes);
    });
  }

  destroy(): void {
    if (this.isOver) return;
    this.#close();
    this.#later(() => this.peer?.destroy());
  }

  end(): void {
    this.#later(() => this.destroy()); // after pending writes
  }

  listen(on: ConnectionEvents): void {
    this.#on = on;
    for (const bytes of this.#early.splice(0)) on.data(bytes);
  }

  receive(bytes: Uint8Array): void {
    if (this.isOver) return;
    if (this.#on === undefined) this.#early.push(bytes);
    else this.#on.data(bytes);
  }

  #close(): void {
    this.isOver = true;
    this.#later(() => this.#on?.closed());
  }
}
