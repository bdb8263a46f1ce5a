/**
 * A meeting point for a LAN, a private mesh or tests (`qmesh dht`). It stores what nodes announce and joins nothing
 * itself, so its mesh is as private as its address.
 *
 * It consists of `nodes` DHT nodes on consecutive ports. A node finds out how its router translates addresses by asking
 * at least three others how they see it. With fewer to ask, two machines behind routers never connect, and two in one
 * network only by luck. On loopback there is no router, so one node is enough.
 *
 * 1. Binds `host:port` and the following ports, using free ports in place of taken ones.
 * 2. `ready`, with the address to hand to others: that of the first node, from which the rest are found.
 * 3. Runs until `close`: `closed`. If the first port cannot be bound, it ends with `failed`.
 */
import type HyperDHT from 'hyperdht';
import { networkInterfaces } from 'node:os';
import { asError, isCode, messageOf } from '../../runtime/errors.js';
import { bindBootstrapper, destroyNode } from './bind-bootstrapper.js';

/** Three that answer are enough; one datagram may be lost. */
export const nodesBeforeRouters = 4;

export interface BootstrapNodeOptions {
  /** IPv4 address to bind; 0.0.0.0 binds all, and announces the first one that other machines can reach. */
  readonly host: string;
  /** The first UDP port; 0 picks any free ones. */
  readonly port: number;
  readonly nodes: number;
}

export interface BootstrapNodeEvents {
  /** `bootstrap` is the QMESH_BOOTSTRAP for other nodes: `host:port`. A firewall must let in all of `ports`. */
  ready(info: { readonly bootstrap: string; readonly ports: readonly number[] }): void;
  failed(error: Error): void;
  closed(): void;
}

export interface BootstrapNode {
  close(): void;
}

export function runBootstrapNode(
  { host, port, nodes: count }: BootstrapNodeOptions,
  on: BootstrapNodeEvents,
): BootstrapNode {
  const reachedAt = host === '0.0.0.0' ? outwardAddress() : host;
  const nodes: HyperDHT[] = [];
  const bound = bindAll({ host, port, nodes: count }, reachedAt, nodes);
  const release = (): Promise<unknown> => Promise.all(nodes.map(destroyNode));
  let isOver = false;
  bound.then(
    (ports) => {
      if (!isOver) on.ready({ bootstrap: `${reachedAt}:${ports[0] ?? port}`, ports });
    },
    async (error: unknown) => {
      await release();
      if (isOver) return;
      isOver = true;
      on.failed(asError(error));
    },
  );
  return {
    close(): void {
      if (isOver) return;
      isOver = true;
      const closed = (): void => on.closed();
      bound.then(release, () => {}).then(closed, closed);
    },
  };
}

/** @param nodes receives each node as it is bound. @returns their ports. */
async function bindAll(
  { host, port, nodes: count }: BootstrapNodeOptions,
  reachedAt: string,
  nodes: HyperDHT[],
): Promise<readonly number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const [first] = ports;
    const bind = (wanted: number): ReturnType<typeof bindBootstrapper> =>
      bindBootstrapper(
        { host, port: wanted },
        { host: reachedAt, bootstrap: first === undefined ? [] : [{ host: reachedAt, port: first }] },
      );
    const wanted = port === 0 ? 0 : port + ports.length;
    try {
      const bound = await bind(wanted).catch((error: unknown) => {
        if (first !== undefined && isCode(error, 'EADDRINUSE')) return bind(0);
        throw error;
      });
      nodes.push(bound.node);
      await bound.node.fullyBootstrapped(); // the first node knows it from now on
      ports.push(bound.port);
    } catch (error) {
      throw new Error(whyNot({ host, port: wanted }, error), { cause: error });
    }
  }
  return ports;
}

/** An address that other machines can see, if there is one. */
function outwardAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}

function whyNot({ host, port }: { readonly host: string; readonly port: number }, error: unknown): string {
  if (isCode(error, 'EADDRINUSE'))
    return `port ${port} on ${host} is in use by another program; free it, or choose another with --port`;
  return `cannot bind ${host}:${port} (${messageOf(error)}); --host takes an IPv4 address of this machine`;
}
