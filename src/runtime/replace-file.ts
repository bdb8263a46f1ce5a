/** A small file that is written anew as a whole: a crash leaves the old one or the new one, and nothing between. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';

/** @throws where the folder cannot be written; the old file stands then, and nothing is beside it. */
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
