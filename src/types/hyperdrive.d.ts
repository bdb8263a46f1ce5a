/** The part of hyperdrive 13.3 that src/actors/models/ uses. The package ships no types. */
declare module 'hyperdrive' {
  import type { EventEmitter } from 'node:events';
  import type Corestore from 'corestore';

  /** One change of the drive's index. `value` is whatever the owner wrote. */
  export interface Change {
    readonly type: 'put' | 'del';
    readonly key: string;
    readonly value: unknown;
  }

  interface Core extends EventEmitter {
    readonly length: number;
    readonly byteLength: number;
    get(index: number, options: { timeout: number }): Promise<Uint8Array>;
    update(options: { wait: boolean }): Promise<boolean>;
  }

  export default class Hyperdrive {
    /** Without a key: this store's own drive. Closing it closes the given store, so pass a session. */
    constructor(store: Corestore, key?: Uint8Array);
    readonly key: Uint8Array;
    /** Its index. Event: `append`. */
    readonly core: Core;
    readonly db: {
      /** From the first change to the last, one block each. */
      createHistoryStream(options: { limit: number }): AsyncIterable<Change>;
    };
    ready(): Promise<void>;
    put(path: string, content: Uint8Array): Promise<void>;
    del(path: string): Promise<void>;
    /** Waits until the drive's first block is available. */
    getBlobs(): Promise<{ readonly core: Core }>;
    close(): Promise<void>;
  }
}
