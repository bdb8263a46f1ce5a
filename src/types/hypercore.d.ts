/** The part of hypercore 11.37 that src/actors/models/ uses. The package ships no types. */
declare module 'hypercore' {
  import type { EventEmitter } from 'node:events';
  import type { NoiseStream } from 'hyperswarm';

  export interface Manifest {
    readonly version: 1;
    readonly hash: 'blake2b';
    readonly allowPatch: boolean;
    readonly quorum: number;
    readonly signers: readonly never[];
    readonly prologue: { readonly hash: Uint8Array; readonly length: number };
    readonly linked: null;
    readonly userData: null;
  }

  /** One core on one connection. */
  export interface Peer {
    readonly remotePublicKey: Uint8Array;
    readonly stream: NoiseStream;
    /** Requests sent to it and not yet answered. */
    readonly inflight: number;
    /** Not documented: how blocks are sent to it. */
    readonly wireData: { send(answer: { readonly block: { readonly value: Uint8Array } | null }): boolean };
    /** Not documented, nor are the following. Number of blocks it has from the first one on without a gap. */
    readonly remoteContiguousLength: number;
    /** The same, as last announced by the peer. */
    readonly _remoteContiguousLength: number;
    readonly remoteBitfield: { findFirst(value: boolean, from: number): number };
    /** Blocks it has beyond that and that are missing here. */
    readonly missingBlocks: { get(index: number): boolean };
    readonly core: { readonly state: { readonly length: number } };
    /** Requests a block of a download from it; returns false if it does not. */
    _requestRangeBlock(index: number, length: number): boolean;
  }

  export interface HypercoreOptions {
    key: Uint8Array;
    manifest: Manifest;
    writable: false;
    /** Minimum and maximum number of open requests per peer. */
    inflightRange: readonly [atLeast: number, atMost: number];
  }

  /**
   * Events: `append`; `download(index, bytes, peer)`; `upload(index, bytes, peer)`; `verification-error(error, request,
   * answer, peer)`.
   */
  export class Hypercore extends EventEmitter {
    static key(manifest: Manifest): Uint8Array;
    static discoveryKey(key: Uint8Array): Uint8Array;
    /** hypercore-storage: Hypercore's own database in a folder. Throws if another process holds it. */
    static defaultStorage(folder: string, options: { writeBufferSize: number; allowBackup: boolean }): CoreStorage;
    /** Adds a Protomux to the stream if it has none. */
    static createProtocolStream(stream: NoiseStream): NoiseStream;
    static getProtocolMuxer(stream: NoiseStream): Mux;
    constructor(storage: CoreStorage, options: HypercoreOptions);
    readonly key: Uint8Array;
    /** Number of blocks. 0 until the first peer has proven it. */
    readonly length: number;
    readonly byteLength: number;
    readonly peers: readonly Peer[];
    ready(): Promise<void>;
    has(index: number): Promise<boolean>;
    /** Waits for a peer that has the block, possibly forever. Rejects when the core is closed. */
    get(index: number): Promise<Uint8Array>;
    /** Resolves when all of them are stored. */
    download(range: { blocks: readonly number[] }): { done(): Promise<unknown> };
    clear(start: number, end: number): Promise<unknown>;
    /** Adds the core to a connection; both ends speak Protomux on it from then on. */
    replicate(stream: NoiseStream): NoiseStream;
    close(): Promise<void>;
    /** Not documented; set once the core is ready. */
    readonly core: {
      readonly replicator: { updateAll(): void; readonly hotswaps: { pick(peer: Peer): Iterable<object> } };
    };
  }
  export default Hypercore;

  /** As in compact-encoding: first the size is computed, then the value is written. */
  export interface Encoding {
    preencode(state: { end: number }, bytes: Uint8Array): void;
    encode(state: { start: number; buffer: Uint8Array }, bytes: Uint8Array): void;
    decode(state: { start: number; end: number; buffer: Uint8Array }): Uint8Array;
  }

  /** Protomux 3.12: many channels on one stream. */
  export interface Mux {
    /** Null if this protocol already has its channel. */
    createChannel(options: {
      protocol: string;
      messages: readonly [{ encoding: Encoding; onmessage: (bytes: Uint8Array) => void }];
      onopen: () => void;
    }): { open(): void; readonly messages: readonly [{ send(bytes: Uint8Array): boolean }] } | null;
  }

  /** Not documented. The storage of many cores (hypercore-storage 3.3), the part that core-storage.ts uses. */
  export interface CoreStorage {
    createCore(core: object): Promise<OneCoreStorage>;
    resumeCore(discoveryKey: Uint8Array): Promise<OneCoreStorage | null>;
    ready(): Promise<void>;
    close(): Promise<void>;
  }

  /** Not documented. */
  export interface OneCoreStorage {
    read(fork?: number): CoreReader;
    write(): CoreWriter;
    close(): Promise<void>;
  }

  /** Not documented. */
  export interface CoreReader {
    getBlock(index: number): Promise<Uint8Array | null>;
    getHead(): Promise<object | null>;
    getBitfieldPage(page: number): Promise<Uint8Array | null>;
    tryFlush(): void;
  }

  /** Not documented. Collects changes until `flush`. */
  export interface CoreWriter {
    putBlock(index: number, bytes: Uint8Array): void;
    deleteBlock(index: number): void;
    deleteBlockRange(start: number, end: number): void;
    putTreeNode(node: { index: number; size: number; hash: Uint8Array }): void;
    putBitfieldPage(page: number, bits: Uint8Array): void;
    setHead(head: { fork: number; length: number; rootHash: Uint8Array; signature: null; timestamp: number }): void;
    flush(): Promise<boolean>;
  }
}
