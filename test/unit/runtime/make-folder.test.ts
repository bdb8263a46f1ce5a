import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeFolder } from '../../../src/runtime/make-folder.js';

let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'qmesh-folder-'))));
afterEach(() => rmSync(root, { recursive: true }));

it('makes what is missing, says where that begins, and leaves what is there as it is', () => {
  const deep = join(root, 'a/b/c');
  expect(makeFolder(deep, 0o700)).toBe(join(root, 'a'));
  expect(makeFolder(deep, 0o755)).toBeUndefined();
  expect(makeFolder('/')).toBeUndefined();
  if (process.platform !== 'win32') expect(statSync(deep).mode & 0o777).toBe(0o700);
});

it('fails where a file is in the way', () => {
  writeFileSync(join(root, 'file'), '');
  expect(() => makeFolder(join(root, 'file'))).toThrow('EEXIST');
  expect(() => makeFolder(join(root, 'file/below/it'))).toThrow('ENOTDIR');
});

it.runIf(existsSync('/proc/self'))('fails where a folder takes none, and says that it is not there', () => {
  expect(() => makeFolder('/proc/qmesh/home')).toThrow('ENOENT');
});
