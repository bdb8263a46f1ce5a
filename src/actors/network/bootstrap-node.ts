/**
 * A place to meet, for a LAN, a private mesh, tests (`qmesh dht`). It stores what nodes announce and joins nothing itself, so its mesh is
 * as private as its address.
 *
 * It is `nodes` DHT nodes on ports in a row. A node finds out how its router translates addresses by asking at least three others how they
 * see it; with fewer to ask, two machines behind routers never get through to each other, and two in one network by luck.
 *
 * On loopback, where there is no router, one will do.
 *
 * 1. binds `host:port` and the ports after it, free ones in place of those that are taken; 2. `ready` with the address to hand to
 * others: the first, from which the rest are found; 3. runs until `close`: `closed`. A first port that cannot be had ends it with `failed`.
 */
import type HyperDHT from 'hyperdht';
import { networkInterfaces } from 'node:os';
import { asError, isCode, messageOf } from '../../runtime/errors.js';
import { bindBootstrapper, destroyNode } from './bind-bootstrapper.js';

/** Three that answer are enough, and one datagram may be lost. */
export const nodesBeforeRouters = 4;

export interface BootstrapNodeOptions {
  /** IPv4 address to bind; 0.0.0.0 binds all, and hands out the first one that other machines can reach. */
  readonly host: string;
  /** The first of the UDP ports; 0 takes any free ones. */
  readonly port: number;
  readonly nodes: number;
}

export interface BootstrapNodeEvents {
  /** `bootstrap` is what other nodes are given as QMESH_BOOTSTRAP: `host:port`. `ports` are all that a firewall has to let in. */
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

/** @param nodes takes each as it is bound. @returns their ports. */
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
      await bound.node.fullyBootstrapped(); // the first knows it from now on
      ports.push(bound.port);
    } catch (error) {
      throw new Error(whyNot({ host, port: wanted }, error), { cause: error });
    }
  }
  return ports;
}

/** An address that other machines see, if there is one. */
function outwardAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}

function whyNot({ host, port }: { readonly host: string; readonly port: number }, error: unknown): string {
  if (isCode(error, 'EADDRINUSE'))
    return `port ${port} on ${host} is in use by another program; free it, or choose another with --port`;
  return `cannot bind ${host}:${port} (${messageOf(error)}); --host takes an IPv4 address of this machine`;
}
