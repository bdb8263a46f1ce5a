/** A node's network with a tap that sees what the node writes and decides what is sent. */
import type { Connection, NetworkPort } from '../../../src/actors/ports.js';

/** @param tap called per connection; the function it returns gets each frame that the node writes there */
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
