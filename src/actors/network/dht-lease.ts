/**
 * One swarm's share in the DHT node of the process. Hyperswarm takes a DHT node to be its own: it destroys it when it is
 * itself destroyed, and it never takes its listeners off. A lease looks like the node, outlives neither of the two, and
 * leaves nothing behind.
 */
import type HyperDHT from 'hyperdht';

type Listener = (...args: unknown[]) => void;

export interface DhtLease {
  readonly dht: HyperDHT;
  /** Takes off every listener that was put on through this lease. */
  release(): void;
}

export function leaseDht(node: HyperDHT): DhtLease {
  const listeners: { readonly event: string | symbol; readonly listener: Listener }[] = [];
  const on = (event: string | symbol, listener: Listener): HyperDHT => {
    listeners.push({ event, listener });
    return node.on(event, listener);
  };
  const dht = new Proxy(node, {
    get(target, property): unknown {
      if (property === 'destroy') return () => Promise.resolve();
      if (property === 'on') return on;
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
