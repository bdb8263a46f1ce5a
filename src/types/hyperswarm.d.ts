/** The part of hyperswarm 4.17 and of its Noise streams that src/actors/ uses. The package ships no types. */
declare module 'hyperswarm' {
  import type { EventEmitter } from 'node:events';
  import type HyperDHT from 'hyperdht';
  import type { KeyPair } from 'hyperdht';

  /** A streamx duplex over a UDX stream. */
  export interface NoiseStream extends EventEmitter {
    readonly remotePublicKey: Uint8Array;
    readonly isInitiator: boolean;
    readonly rawStream: RawStream | null;
    readonly destroying: boolean;
    /** Not documented: bytes that wait in JavaScript for the underlying stream. */
    readonly _writableState: { readonly buffered: number };
    write(data: Uint8Array): boolean;
    /**
     * Resolves when the peer has received what was written so far; resolves to false, or never, if the stream ends
     * before.
     */
    flush(): Promise<boolean>;
    end(): void;
    destroy(error?: Error): void;
  }

  export interface RawStream {
    readonly remoteHost: string | null;
    readonly _writableState: { readonly buffered: number };
  }

  export interface DiscoverySession {
    /** Looks up or announces again; waits for a refresh already running. Resolves to false if the network failed. */
    refresh(): Promise<boolean>;
  }

  export interface HyperswarmOptions {
    dht: HyperDHT;
    keyPair: KeyPair;
    /** Concurrent connection attempts. */
    maxParallel?: number;
    /** Four delays between attempts at the same peer, ms. */
    backoffs?: readonly [number, number, number, number];
    /** ms */
    jitter?: number;
  }

  export class Hyperswarm extends EventEmitter {
    constructor(options: HyperswarmOptions);
    readonly connections: ReadonlySet<NoiseStream>;
    /** By key in hex. */
    readonly peers: ReadonlyMap<string, { readonly relayAddresses: readonly object[] | null }>;
    readonly server: { refresh(): void };
    /** Rejects if this key pair is in use on the DHT node. */
    listen(): Promise<unknown>;
    join(topic: Uint8Array, options: { server: boolean; client: boolean }): DiscoverySession;
    joinPeer(publicKey: Uint8Array): void;
    /** Resolves when all lookups are over and every peer found was tried. Without a network that takes 24 s. */
    flush(): Promise<boolean>;
    /** Also destroys the DHT it was given. */
    destroy(options?: { force?: boolean }): Promise<void>;
  }
  export default Hyperswarm;
}
