/** A node's network with somebody on the line, who reads what the node says and decides what of it goes out. */
import type { Connection, NetworkPort } from '../../../src/actors/ports.js';

/** @param tap called for each connection; what it returns is given the frames that the node writes there, one at a time. */
export const tapped = (
  port: NetworkPort,
  tap: (connection: Connection) => (frame: Uint8Array) => void,
): NetworkPort => ({
  open(on) {
    const dht = port.open(on);
    return {
      join: (options, events) =>
        dht.join(options, {
          ...events,
          connection: (connection) => events.connection(withWrite(connection, tap(connection))),
        }),
      close: () => dht.close(),
    };
  },
});

const withWrite = (connection: Connection, write: (frame: Uint8Array) => void): Connection => ({
  remoteKey: connection.remoteKey,
  initiator: connection.initiator,
  remoteAddress: connection.remoteAddress,
  get unsentBytes() {
    return connection.unsentBytes;
  },
  write,
  destroy: () => connection.destroy(),
  end: () => connection.end(),
  listen: (on) => connection.listen(on),
});
