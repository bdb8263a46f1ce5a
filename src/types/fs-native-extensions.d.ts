/** The part of fs-native-extensions 1.5 that src/actors/ uses. The package ships no types. */
declare module 'fs-native-extensions' {
  /** A lock of the operating system on a range of an open file; gone with the process. False if another one holds it. */
  export function tryLock(fd: number, offset: number, length: number): boolean;
}
