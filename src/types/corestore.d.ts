/** The part of corestore 7.12 that src/actors/score-store.ts uses. The package ships no types. */
declare module 'corestore' {
  import type { Core } from 'hyperbee';

  export default class Corestore {
    /** Opens nothing until `ready`, which rejects where another process has the folder, or where it was copied. */
    constructor(folder: string, options: { allowBackup: boolean });
    ready(): Promise<void>;
    /** Writable by this store alone. */
    get(options: { name: string }): Core;
    close(): Promise<void>;
  }
}
