/** Atomically rewrites a small file: after a crash, either the old or the new content is there, never a mix. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';

/** @throws if the folder is not writable; the old file then remains and no temporary file is left. */
export function replaceFile(path: string, text: string, options: { readonly mode?: number } = {}): void {
  const draft = `${path}.new`;
  try {
    writeFileSync(draft, text, options);
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
