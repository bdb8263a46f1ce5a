/**
 * Writes one of the project's own models (after a build):
 * `node scripts/make-model.mjs demo|keyed|bench-tiny|bench-0.5b|bench-1b OUT.gguf`
 */
import { isModelKind, modelKinds, writeModel } from '../dist/gguf/models.js';

const [kind, path] = process.argv.slice(2);
if (kind === undefined || path === undefined || !isModelKind(kind)) {
  console.error(`usage: node scripts/make-model.mjs ${modelKinds.join('|')} OUT.gguf`);
  process.exit(2);
}
const started = performance.now();
const bytes = await writeModel(kind, path);
console.log(`${path}: ${(bytes / 2 ** 20).toFixed(1)} MiB in ${((performance.now() - started) / 1000).toFixed(2)} s`);
