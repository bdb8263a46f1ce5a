/**
 * A place to meet, for a LAN, a private mesh, tests (`qmesh dht`). It stores what nodes announce and joins nothing itself, so its mesh is
 * as private as its address.
 *
 * It is four DHT nodes on four ports in a row. A node finds out how its router translates addresses by asking at least three others how they
 * see it; with fewer to ask, two machines behind routers never get through to each other, and two in one network by luck.
 *
 * 1. binds `host:port` and the three ports after it; 2. `ready` with the address to hand to others: the first, from which the rest are
 * found; 3. runs until `close`: `closed`. A port that cannot be had ends it with `failed`.
 */
import type HyperDHT from 'hyperdht';
import { networkInterfaces } from 'node:os';
import { bindBootstrapper, destroyNode } from './network/bind-bootstrapper.js';

/** Three that answer are enough, and one datagram may be lost. */
export const bootstrapPorts = 4;

export interface BootstrapNodeOptions {
  /** IPv4 address to bind; 0.0.0.0 binds all, and hands out the first one that other machines can reach. */
  readonly host: string;
  /** The first of the UDP ports; 0 takes any free ones. */
  readonly port: number;
}

export interface BootstrapNodeEvents {
  /** `bootstrap` is what other nodes are given as QMESH_BOOTSTRAP: `host:port`. */
  ready(info: { readonly bootstrap: string }): void;
  failed(error: Error): void;
  closed(): void;
}

export interface BootstrapNode {
  close(): void;
}

export function runBootstrapNode({ host, port }: BootstrapNodeOptions, on: BootstrapNodeEvents): BootstrapNode {
  const reachedAt = host === '0.0.0.0' ? outwardAddress() : host;
  const nodes: HyperDHT[] = [];
  const bound = bindAll(host, port, reachedAt, nodes);
  const release = (): Promise<unknown> => Promise.all(nodes.map(destroyNode));
  let isOver = false;
  bound.then(
    (first) => {
      if (!isOver) on.ready({ bootstrap: `${reachedAt}:${first}` });
    },
    async (error: unknown) => {
      await release();
      if (isOver) return;
      isOver = true;
      on.failed(error instanceof Error ? error : new Error(String(error)));
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

/** @param nodes takes each as it is bound. @returns the first one's port. */
async function bindAll(host: string, port: number, reachedAt: string, nodes: HyperDHT[]): Promise<number> {
  let first: number | undefined;
  for (let place = 0; place < bootstrapPorts; place++) {
    const wanted = port === 0 ? 0 : port + place;
    const from = first === undefined ? [] : [{ host: reachedAt, port: first }];
    try {
      const bound = await bindBootstrapper({ host, port: wanted }, { host: reachedAt, bootstrap: from });
      nodes.push(bound.node);
      await bound.node.fullyBootstrapped(); // the first knows it from now on
      first ??= bound.port;
    } catch (error) {
      throw new Error(whyNot({ host, port: wanted }, error), { cause: error });
    }
  }
  return first ?? port;
}

/** An address that other machines see, if there is one. */
function outwardAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}

function whyNot({ host, port }: BootstrapNodeOptions, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'EADDRINUSE')
    return `port ${port} on ${host} is in use by another program; free it, or choose another with --port (${bootstrapPorts} in a row)`;
  const why = error instanceof Error ? error.message : String(error);
  return `cannot bind ${host}:${port} (${why}); --host takes an IPv4 address of this machine`;
}
