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
    /** Requests sent to it and not answered. */
    readonly inflight: number;
    /** Not documented: how blocks are sent to it. */
    readonly wireData: { send(answer: { readonly block: { readonly value: Uint8Array } | null }): boolean };
    /** Not documented, nor is what follows. So many blocks from the first on it has, without a gap. */
    readonly remoteContiguousLength: number;
    /** The same, as it was told last. */
    readonly _remoteContiguousLength: number;
    readonly remoteBitfield: { findFirst(value: boolean, from: number): number };
    /** What it has beyond that, and is not here. */
    readonly missingBlocks: { get(index: number): boolean };
    readonly core: { readonly state: { readonly length: number } };
    /** Asks it for a block of a download; false where it does not. */
    _requestRangeBlock(index: number, length: number): boolean;
  }

  export interface HypercoreOptions {
    key: Uint8Array;
    manifest: Manifest;
    writable: false;
    /** Requests that may be open at one peer: at least, at most. */
    inflightRange: readonly [atLeast: number, atMost: number];
  }

  /** Events: `append`; `download(index, bytes, peer)`; `upload(index, bytes, peer)`; `verification-error(error, request, answer, peer)`. */
  export class Hypercore extends EventEmitter {
    static key(manifest: Manifest): Uint8Array;
    static discoveryKey(key: Uint8Array): Uint8Array;
    /** hypercore-storage: Hypercore's own database in a folder. Throws where another process has it. */
    static defaultStorage(folder: string, options: { writeBufferSize: number; allowBackup: boolean }): CoreStorage;
    /** Puts a Protomux on the stream, where it has none. */
    static createProtocolStream(stream: NoiseStream): NoiseStream;
    static getProtocolMuxer(stream: NoiseStream): Mux;
    constructor(storage: CoreStorage, options: HypercoreOptions);
    readonly key: Uint8Array;
    /** Blocks. 0 until the first peer has proven how many there are. */
    readonly length: number;
    readonly byteLength: number;
    readonly peers: readonly Peer[];
    ready(): Promise<void>;
    has(index: number): Promise<boolean>;
    /** Waits for a peer that has it, for ever. Rejects when the core is closed. */
    get(index: number): Promise<Uint8Array>;
    /** Resolves when all of them are stored. */
    download(range: { blocks: readonly number[] }): { done(): Promise<unknown> };
    clear(start: number, end: number): Promise<unknown>;
    /** Adds the core to a connection; both ends speak Protomux on it from then on. */
    replicate(stream: NoiseStream): NoiseStream;
    close(): Promise<void>;
    /** Not documented, set when it is ready. */
    readonly core: {
      readonly replicator: { updateAll(): void; readonly hotswaps: { pick(peer: Peer): Iterable<object> } };
    };
  }
  export default Hypercore;

  /** As compact-encoding's: first the size is found, then the value is written. */
  export interface Encoding {
    preencode(state: { end: number }, bytes: Uint8Array): void;
    encode(state: { start: number; buffer: Uint8Array }, bytes: Uint8Array): void;
    decode(state: { start: number; end: number; buffer: Uint8Array }): Uint8Array;
  }

  /** Protomux 3.12: many channels on one stream. */
  export interface Mux {
    /** Null where this protocol has its channel already. */
    createChannel(options: {
      protocol: string;
      messages: readonly [{ encoding: Encoding; onmessage: (bytes: Uint8Array) => void }];
      onopen: () => void;
    }): { open(): void; readonly messages: readonly [{ send(bytes: Uint8Array): boolean }] } | null;
  }

  /** Not documented. The storage of many cores (hypercore-storage 3.3), as far as core-storage.ts uses it. */
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

  /** Not documented. Gathers changes until `flush`. */
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
