/** Parses the bootstrap setting: where a node joins. */
import type { Bootstrap } from '../ports.js';

/** What `parseBootstrap` accepts, for error messages. */
export const bootstrapExpected = '"local", "local:PORT", "public", or addresses as host:port, separated by commas';

const address = /^(?<host>[a-zA-Z0-9.-]+):(?<port>\d{1,5})$/;

/** Undefined if it is invalid. */
export function parseBootstrap(given: string): Bootstrap | undefined {
  if (given === 'local' || given === 'public') return { kind: given };
  const nodes: { host: string; port: number }[] = [];
  for (const part of given.split(',')) {
    const { host, port } = address.exec(part.trim())?.groups ?? {};
    if (host === undefined || !isPort(Number(port))) return undefined;
    nodes.push({ host, port: Number(port) });
  }
  const [first, ...others] = nodes;
  if (first?.host === 'local') return others.length === 0 ? { kind: 'local', port: first.port } : undefined;
  return { kind: 'nodes', nodes };
}

const isPort = (port: number): boolean => port >= 1 && port <= 65_535;
