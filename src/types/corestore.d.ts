/** The part of corestore 7.12 that src/actors/ uses. The package ships no types. */
declare module 'corestore' {
  import type { Core } from 'hyperbee';
  import type { CoreStorage } from 'hypercore';
  import type { NoiseStream } from 'hyperswarm';

  export default class Corestore {
    /** Opens nothing until `ready`, which rejects if another process holds the folder or it was copied. */
    constructor(storage: string | CoreStorage, options?: { allowBackup: boolean });
    ready(): Promise<void>;
    /** Writable only by this store. */
    get(options: { name: string }): Core;
    /** Replicates all open cores on this connection, including those opened later. */
    replicate(stream: NoiseStream): void;
    /** The same store, closed independently. */
    session(): Corestore;
    close(): Promise<void>;
  }
}
