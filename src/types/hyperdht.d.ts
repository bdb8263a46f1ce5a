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
    /** Address to bind. Port: a number is a wish (with up to four above it) unless `anyPort` is false; `[0, 0]` lets the system choose. */
    host?: string;
    port?: number | readonly [from: number, to: number];
    anyPort?: boolean;
    firewalled?: boolean;
    /** A boolean fixes it; otherwise the node decides after some 20 minutes. Only non-ephemeral nodes store announcements. */
    ephemeral?: boolean;
  }

  /** A command of one's own, which other nodes answer only if they registered it too. */
  export interface DhtPlugin {
    readonly name: string;
    readonly version: number;
  }

  export class HyperDHT extends EventEmitter {
    constructor(options?: HyperDHTOptions);
    /** A node that other nodes can start from: not ephemeral, not firewalled, on exactly this port. */
    static bootstrapper(port: number, host: string, options?: HyperDHTOptions): HyperDHT;
    static keyPair(seed?: Uint8Array): KeyPair;
    readonly destroyed: boolean;
    /** Whether this node stores what others announce. */
    readonly ephemeral: boolean;
    /** Rejects when the address cannot be bound. */
    bind(): Promise<void>;
    /** Whether or not anybody answered. */
    fullyBootstrapped(): Promise<void>;
    /** The other nodes that it knows. */
    toArray(): readonly Address[];
    address(): Address | null;
    /** `to` is this node's address as the other one sees it. Rejects where nobody answers within a second, when `retry` is false. */
    ping(node: Address, options?: { retry?: boolean }): Promise<{ readonly to: Address; readonly rtt: number }>;
    /** Whoever answers, and whom each of them names. */
    findNode(
      target: Uint8Array,
      options: { nodes: readonly Address[] },
    ): AsyncIterable<{ readonly from: Address; readonly closerNodes: readonly Address[] | null }>;
    connect(remoteKey: Uint8Array, options: object): NoiseStream;
    register(name: string, plugin: DhtPlugin): void;
    destroy(options?: { force?: boolean }): Promise<void>;
    /** Not documented: a node whose bind failed leaves this watcher running, and with it the process. */
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
    /** Rejects after about a second without an answer when `retry` is false. */
    request(message: { command: number }, to: Address, options: { retry: boolean }): Promise<PluginReply>;
  }
  export default Plugin;
}
