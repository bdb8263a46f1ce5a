/** The part of corestore 7.12 that src/actors/ uses. The package ships no types. */
declare module 'corestore' {
  import type { Core } from 'hyperbee';
  import type { CoreStorage } from 'hypercore';
  import type { NoiseStream } from 'hyperswarm';

  export default class Corestore {
    /** Opens nothing until `ready`, which rejects where another process has the folder, or where it was copied. */
    constructor(storage: string | CoreStorage, options?: { allowBackup: boolean });
    ready(): Promise<void>;
    /** Writable by this store alone. */
    get(options: { name: string }): Core;
    /** All cores that are open, now and later, on this connection. */
    replicate(stream: NoiseStream): void;
    /** The same store, with an end of its own. */
    session(): Corestore;
    close(): Promise<void>;
  }
}
