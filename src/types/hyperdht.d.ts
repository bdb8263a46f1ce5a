/** The part of hyperdht 6.34 that src/actors/ uses. The package ships no types. */
declare module 'hyperdht' {
  import type { EventEmitter } from 'node:events';
  import type { NoiseStream } from 'hyperswarm';

  export interface KeyPair {
    publicKey: Uint8Array;
    secretKey: Uint8Array;
  }

  export interface Address {
    host: string;
    port: number;
  }

  export interface HyperDHTOptions {
    bootstrap?: readonly Address[] | undefined;
    /**
     * Address to bind. A port number is only a preference (with up to four above it) unless `anyPort` is false;
     * `[0, 0]` lets the system choose.
     */
    host?: string;
    port?: number | readonly [from: number, to: number];
    anyPort?: boolean;
    firewalled?: boolean;
    /**
     * A boolean fixes it; otherwise the node decides after about 20 minutes. Only non-ephemeral nodes store
     * announcements.
     */
    ephemeral?: boolean;
  }

  /** A custom command, which only nodes that registered it answer. */
  export interface DhtPlugin {
    readonly name: string;
    readonly version: number;
  }

  export class HyperDHT extends EventEmitter {
    constructor(options?: HyperDHTOptions);
    /** A node from which others can bootstrap: not ephemeral, not firewalled, on exactly this port. */
    static bootstrapper(port: number, host: string, options?: HyperDHTOptions): HyperDHT;
    static keyPair(seed?: Uint8Array): KeyPair;
    readonly destroyed: boolean;
    /** Whether this node stores what others announce. */
    readonly ephemeral: boolean;
    /** Rejects if the address cannot be bound. */
    bind(): Promise<void>;
    /** Resolves whether or not anyone answered. */
    fullyBootstrapped(): Promise<void>;
    /** The other nodes it knows. */
    toArray(): readonly Address[];
    address(): Address | null;
    /**
     * `to` is this node's address as the other one sees it. With `retry: false`, rejects after a second without an
     * answer.
     */
    ping(node: Address, options?: { retry?: boolean }): Promise<{ readonly to: Address; readonly rtt: number }>;
    /** Yields each answer, with the nodes that it names. */
    findNode(
      target: Uint8Array,
      options: { nodes: readonly Address[] },
    ): AsyncIterable<{ readonly from: Address; readonly closerNodes: readonly Address[] | null }>;
    connect(remoteKey: Uint8Array, options: object): NoiseStream;
    register(name: string, plugin: DhtPlugin): void;
    destroy(options?: { force?: boolean }): Promise<void>;
    /** Not documented: a node whose bind failed leaves this watcher running, which keeps the process alive. */
    readonly io: { readonly networkInterfaces: { destroy(): void } };
  }
  export default HyperDHT;
}

declare module 'hyperdht/lib/constants.js' {
  /** Hyperswarm's public nodes, as `address@name:port`. */
  export const BOOTSTRAP_NODES: readonly string[];
}

declare module 'hyperdht/lib/plugin.js' {
  import type HyperDHT from 'hyperdht';
  import type { Address, DhtPlugin } from 'hyperdht';

  export interface PluginReply {
    readonly error: number;
    readonly value: Uint8Array | null;
  }

  export interface IncomingRequest {
    reply(value: Uint8Array | null, options: { token: boolean; closerNodes: boolean }): void;
  }

  export abstract class Plugin implements DhtPlugin {
    constructor(name: string, version: number);
    readonly name: string;
    readonly version: number;
    protected readonly dht: HyperDHT | null;
    abstract onrequest(request: { readonly command: number }, incoming: IncomingRequest): void;
    abstract onpersistent(): void;
    abstract destroy(): void;
    /** With `retry: false`, rejects after about a second without an answer. */
    request(message: { command: number }, to: Address, options: { retry: boolean }): Promise<PluginReply>;
  }
  export default Plugin;
}
