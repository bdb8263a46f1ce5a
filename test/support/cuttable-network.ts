/**
 * The real network, with a way to cut it: while a peer is cut off, nothing written by either side arrives and neither
 * is told, as when a cable is pulled. (The transport below stays up: the cut is in this process, not in the kernel.)
 */
import type { Connection, ConnectionEvents, NetworkPort } from '../../src/actors/ports.js';

export class CuttableNetwork {
  readonly port: NetworkPort;
  readonly #cut = new Set<string>();

  constructor(network: NetworkPort) {
    this.port = {
      open: (on) => {
        const dht = network.open(on);
        return {
          close: () => dht.close(),
          join: (options, topicOn) =>
            dht.join(options, {
              connection: (connection) => topicOn.connection(this.#scissored(connection)),
              failed: (error) => topicOn.failed(error),
              closed: () => topicOn.closed(),
            }),
        };
      },
    };
  }

  cut(remoteKey: string): void {
    this.#cut.add(remoteKey);
  }

  mend(): void {
    this.#cut.clear();
  }

  #scissored(connection: Connection): Connection {
    const isCut = (): boolean => this.#cut.has(connection.remoteKey);
    return {
      remoteKey: connection.remoteKey,
      initiator: connection.initiator,
      remoteAddress: connection.remoteAddress,
      get unsentBytes() {
        return connection.unsentBytes;
      },
      write: (bytes) => {
        if (!isCut()) connection.write(bytes);
      },
      destroy: () => connection.destroy(),
      end: () => connection.end(),
      listen: (on: ConnectionEvents) =>
        connection.listen({
          data: (bytes) => {
            if (!isCut()) on.data(bytes);
          },
          closed: () => on.closed(),
        }),
    };
  }
}
