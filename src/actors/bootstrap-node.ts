/**
 * A DHT node that others start from: for a LAN, a private mesh, tests (`qmesh dht`). It stores what nodes announce and joins
 * nothing itself, so its mesh is as private as its address.
 *
 * 1. binds `host:port`; 2. `ready` with the address to hand to others; 3. runs until `close`: `closed`.
 * A port that cannot be had ends it with `failed`.
 */
import { networkInterfaces } from 'node:os';
import { messageOf } from '../runtime/errors.js';
import { bindBootstrapper, destroyNode } from './network/bind-bootstrapper.js';

export interface BootstrapNodeOptions {
  /** IPv4 address to bind; 0.0.0.0 binds all, and hands out the first one that other machines can reach. */
  readonly host: string;
  /** UDP port; 0 takes any free one. */
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
  const bound = bindBootstrapper({ host, port }, reachedAt);
  let isOver = false;
  bound.then(
    (node) => {
      if (!isOver) on.ready({ bootstrap: `${reachedAt}:${node.port}` });
    },
    (error: unknown) => {
      if (isOver) return;
      isOver = true;
      on.failed(new Error(whyNot({ host, port }, error), { cause: error }));
    },
  );
  return {
    close(): void {
      if (isOver) return;
      isOver = true;
      const closed = (): void => on.closed();
      bound.then(({ node }) => destroyNode(node)).then(closed, closed);
    },
  };
}

/** An address that other machines see, if there is one. */
function outwardAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}

function whyNot({ host, port }: BootstrapNodeOptions, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'EADDRINUSE')
    return `port ${port} on ${host} is in use by another program; free it, or choose another with --port`;
  const why = messageOf(error);
  return `cannot bind ${host}:${port} (${why}); --host takes an IPv4 address of this machine`;
}
