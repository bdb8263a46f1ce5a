/**
 * Inspects a mesh from outside, for `qmesh doctor`: who holds this machine's port, which bootstrap nodes answer, and
 * how they see this node.
 */
import { lookup } from 'node:dns/promises';
import HyperDHT, { type Address } from 'hyperdht';
import { BOOTSTRAP_NODES } from 'hyperdht/lib/constants.js';
import { destroyNode } from './bind-bootstrapper.js';
import { HolderMark } from './local-holder.js';

/** Maximum number of nodes named by others that are asked. */
const maxNamed = 16;

export interface NodeSeen {
  readonly node: Address;
  /** This node's address as the other one sees it; undefined if that one does not answer. */
  readonly seenAs: Address | undefined;
  readonly roundTripMs: number | undefined;
  /** Why it was not reached. */
  readonly problem: string | undefined;
}

/** Whether a QMesh mesh is held at this port of this machine. */
export const isHeld = (address: Address): Promise<boolean> =>
  withNode(address.host, async (node) => {
    const asker = new HolderMark(null);
    node.register(asker.name, asker);
    return (await asker.ask(address)) !== undefined;
  });

/** Asks each of them, all from one socket. @param host address to bind. */
export const lookAround = (nodes: readonly Address[], host: string): Promise<readonly NodeSeen[]> =>
  withNode(host, (own) => Promise.all(nodes.map((node) => look(own, node))));

/**
 * Like `lookAround`, then also asks the other nodes on the same machines that they name: a meeting point has several
 * ports (bootstrap-node.ts).
 */
export const lookAroundAll = (nodes: readonly Address[], host: string): Promise<readonly NodeSeen[]> =>
  withNode(host, async (own) => {
    const given = await Promise.all(nodes.map((node) => look(own, node)));
    const named = await namedBy(own, given);
    return [...given, ...(await Promise.all(named.map((node) => look(own, node))))];
  });

async function namedBy(own: HyperDHT, given: readonly NodeSeen[]): Promise<readonly Address[]> {
  const alive = given.filter(({ seenAs }) => seenAs !== undefined).map(({ node }) => node);
  const known = new Set(alive.map(textOf));
  const hosts = new Set(alive.map(({ host }) => host));
  const named = new Map<string, Address>();
  for await (const { closerNodes } of own.findNode(Buffer.alloc(32), { nodes: alive }))
    for (const node of closerNodes ?? [])
      if (hosts.has(node.host) && !known.has(textOf(node))) named.set(textOf(node), node);
  return [...named.values()].slice(0, maxNamed);
}

const textOf = ({ host, port }: Address): string => `${host}:${port}`;

async function look(own: HyperDHT, node: Address): Promise<NodeSeen> {
  const failed = (problem: string): NodeSeen => ({ node, seenAs: undefined, roundTripMs: undefined, problem });
  const found = await lookup(node.host, { family: 4 }).catch(() => undefined);
  if (found === undefined) return failed('its name is not known');
  try {
    const ask = (): ReturnType<HyperDHT['ping']> =>
      own.ping({ host: found.address, port: node.port }, { retry: false });
    const { to, rtt } = await ask().catch(ask); // a datagram may be lost
    return { node, seenAs: to, roundTripMs: rtt, problem: undefined };
  } catch {
    return failed('it does not answer');
  }
}

/** The nodes through which a node joins the public DHT. */
export const publicNodes = (): readonly Address[] =>
  BOOTSTRAP_NODES.flatMap((text) => {
    const { host, port } = /^(?:[^@]*@)?(?<host>[^:]+):(?<port>\d+)$/.exec(text)?.groups ?? {};
    return host === undefined ? [] : [{ host, port: Number(port) }];
  });

async function withNode<Result>(host: string, use: (node: HyperDHT) => Promise<Result>): Promise<Result> {
  const node = new HyperDHT({ bootstrap: [], host, port: [0, 0], ephemeral: true, firewalled: false });
  try {
    await node.bind();
    return await use(node);
  } finally {
    await destroyNode(node);
  }
}
