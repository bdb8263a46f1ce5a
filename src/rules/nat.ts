/** What kind of NAT a node is behind, judged by how others see its address. */

interface Address {
  readonly host: string;
  readonly port: number;
}

export type Nat =
  /** The others are on this machine. */
  | 'loopback'
  /** They see one of this machine's own addresses. */
  | 'none'
  /** The router uses one address and port for all peers: reachable once this node has punched a hole. */
  | 'consistent'
  /** The router uses a different port for each peer: two nodes behind such routers cannot connect. */
  | 'random'
  /** Fewer than two answered, so the two kinds cannot be told apart. */
  | 'translated'
  | 'unknown';

/** @param seen this node's address as each of the others sees it. @param own addresses of this machine */
export function natOf(seen: readonly Address[], own: readonly string[]): Nat {
  const [first] = seen;
  if (first === undefined) return 'unknown';
  if (seen.every(({ host }) => isLoopback(host))) return 'loopback';
  if (seen.every(({ host }) => own.includes(host))) return 'none';
  if (seen.length < 2) return 'translated';
  return seen.every(({ host, port }) => host === first.host && port === first.port) ? 'consistent' : 'random';
}

/** Addresses that only this machine, or only its own network, can reach. */
export const isLoopback = (host: string): boolean => host === 'localhost' || host.startsWith('127.');
export const isPrivate = (host: string): boolean =>
  /^(10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/.test(host);
