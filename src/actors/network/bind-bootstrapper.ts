/** A DHT node on exactly one port, which others can start from. */
import { createSocket } from 'node:dgram';
import HyperDHT, { type Address } from 'hyperdht';

export interface Reach {
  /** Under which others reach the node, if that is another address than the one bound: they refuse answers from elsewhere. */
  readonly host?: string;
  /** Nodes that it joins; none where it is the first. */
  readonly bootstrap?: readonly Address[];
}

/**
 * Rejects with the system's error (`EADDRINUSE` …), and leaves nothing behind then.
 *
 * @param address to bind; port 0 is any free one.
 */
export async function bindBootstrapper(
  address: Address,
  { host = address.host, bootstrap = [] }: Reach = {},
): Promise<{ readonly node: HyperDHT; readonly port: number }> {
  const port = await freePort(address);
  const node = HyperDHT.bootstrapper(port, host, { host: address.host, bootstrap });
  try {
    await node.bind();
  } catch (error) {
    await destroyNode(node);
    throw error;
  }
  return { node, port };
}

/** Also of a node that could not bind, which by itself leaves a watcher running, and with it the process. Never rejects. */
export async function destroyNode(node: HyperDHT): Promise<void> {
  await node.destroy().catch(() => node.io.networkInterfaces.destroy());
}

/** Asked with a plain socket first: whoever waits for a port asks every second, and a DHT node is a costly way to ask. */
function freePort({ host, port }: Address): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ address: host, port, exclusive: true }, () => {
      const free = socket.address().port;
      socket.close(() => resolve(free));
    });
  });
}
