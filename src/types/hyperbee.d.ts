/** The part of hyperbee 2.27 that src/actors/scores/score-store.ts uses. The package ships no types. */
declare module 'hyperbee' {
  export interface Core {
    readonly byteLength: number;
  }
  export interface Entry {
    /** The block that contains it. */
    readonly seq: number;
    readonly key: string;
    readonly value: unknown;
  }
  export interface Range {
    readonly gte: string;
    readonly lt: string;
    readonly reverse?: boolean;
    /** -1: all. */
    readonly limit?: number;
    /** False: a missing block is an error instead of being waited for. */
    readonly wait?: boolean;
  }
  export interface Batch {
    put(key: string, value: unknown): Promise<void>;
    del(key: string): Promise<void>;
    /** Appends everything at once, or nothing. */
    flush(): Promise<void>;
  }
  export default class Hyperbee {
    constructor(core: Core, options: { keyEncoding: 'utf-8'; valueEncoding: 'json' });
    ready(): Promise<void>;
    get(key: string): Promise<Entry | null>;
    batch(): Batch;
    createReadStream(range: Range): AsyncIterable<Entry>;
    /** Frees the disk space of those blocks in the range that no key and no node of the tree needs. */
    clearUnlinked(blocks: { readonly gte: number; readonly lt: number }): Promise<number>;
    close(): Promise<void>;
  }
}
