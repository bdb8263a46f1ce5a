/** A listen address as users write it: `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`. Port 0 picks a free one. */
import { isIP } from 'node:net';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export function parseAddress(text: string): Address | undefined {
  const { host, port } = /^(?<host>\[[^\]]+\]|[^:\s]+):(?<port>\d{1,5})$/.exec(text)?.groups ?? {};
  if (host === undefined || Number(port) > 65_535) return undefined;
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** As written in a URL. */
export const writtenAddress = ({ host, port }: Address): string => `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;

/** Reachable only from this machine. */
export const isLoopback = ({ host }: Address): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
