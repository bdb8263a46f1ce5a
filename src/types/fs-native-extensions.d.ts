/** The part of fs-native-extensions 1.5 that src/actors/ uses. The package ships no types. */
declare module 'fs-native-extensions' {
  /**
   * An operating system lock on a range of an open file; released when the process ends. False if another process holds
   * it.
   */
  export function tryLock(fd: number, offset: number, length: number): boolean;
}
