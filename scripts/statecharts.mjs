/**
 * `npm run statecharts`: draws every machine of dist/machines/ into docs/statecharts/, and removes the pages of
 * machines that no longer exist. A new machine needs no change here: every XState machine exported by a `*.machine.js`
 * is drawn.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ELK from 'elkjs/lib/elk.bundled.js';
import { statechartPages } from '../dist/runtime/statechart-pages.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const machines = join(root, 'dist/machines');
const out = join(root, 'docs/statecharts');

const files = readdirSync(machines).filter((file) => file.endsWith('.machine.js'));
const modules = await Promise.all(
  files.map(async (file) => ({
    path: `src/machines/${file.replace(/\.js$/, '.ts')}`,
    exports: await import(join(machines, file)),
  })),
);
// elkjs is CommonJS: its types nest the class one level too deep.
const Constructor = /** @type {new () => import('elkjs').ELK} */ (/** @type {unknown} */ (ELK));
const pages = await statechartPages(modules, new Constructor());

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
for (const [name, text] of pages) writeFileSync(join(out, name), text);
console.log(`docs/statecharts: ${pages.size} files from ${files.length} machine files`);
