/** A DHT node on exactly one port, from which others can bootstrap. */
import { createSocket } from 'node:dgram';
import HyperDHT, { type Address } from 'hyperdht';

export interface Reach {
  /** Where others reach the node, if not at the bound address: they refuse answers from any other address. */
  readonly host?: string;
  /** Nodes to join; none if it is the first. */
  readonly bootstrap?: readonly Address[];
}

/**
 * Rejects with the system's error (`EADDRINUSE` …), leaving nothing behind.
 *
 * @param address to bind; port 0 picks any free one.
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

/**
 * Also works for a node that failed to bind, which would otherwise leave a watcher running that keeps the process
 * alive. Never rejects.
 */
export async function destroyNode(node: HyperDHT): Promise<void> {
  await node.destroy().catch(() => node.io.networkInterfaces.destroy());
}

/** Tried with a plain socket first: members retry every second, and creating a DHT node for each try is expensive. */
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
