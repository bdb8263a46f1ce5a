/**
 * One swarm's lease on the process's DHT node. Hyperswarm assumes that it owns its node: it destroys the node together
 * with itself and never removes its listeners. A lease looks like the node, but does not destroy it, and removes the
 * listeners. It also bounds the time of a dial: a dial to a peer's old address takes four seconds, and Hyperswarm does
 * not dial the new one before it ends.
 */
import type HyperDHT from 'hyperdht';
import type { NoiseStream } from 'hyperswarm';
import type { Clock } from '../../runtime/clock.js';

type Listener = (...args: unknown[]) => void;

export interface DhtLease {
  readonly dht: HyperDHT;
  /** Removes every listener that was added through this lease. */
  release(): void;
}

/** @param dialTimeoutMs undefined leaves it to the library, which needs time to get through firewalls. */
export function leaseDht(node: HyperDHT, clock: Clock, dialTimeoutMs: number | undefined): DhtLease {
  const listeners: { readonly event: string | symbol; readonly listener: Listener }[] = [];
  const on = (event: string | symbol, listener: Listener): HyperDHT => {
    listeners.push({ event, listener });
    return node.on(event, listener);
  };
  const connect: HyperDHT['connect'] = (key, options) => {
    const stream = node.connect(key, options);
    if (dialTimeoutMs !== undefined) boundDial(stream, clock, dialTimeoutMs);
    return stream;
  };
  const dht = new Proxy(node, {
    get(target, property): unknown {
      if (property === 'destroy') return () => Promise.resolve();
      if (property === 'on') return on;
      if (property === 'connect') return connect;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value as Listener).bind(target) : value;
    },
  });
  return {
    dht,
    release(): void {
      for (const { event, listener } of listeners.splice(0)) node.off(event, listener);
    },
  };
}

function boundDial(stream: NoiseStream, clock: Clock, timeoutMs: number): void {
  const timer = clock.setTimeout(() => stream.destroy(), timeoutMs);
  const decided = (): void => clock.clearTimeout(timer);
  stream.once('open', decided);
  stream.once('close', decided);
}
