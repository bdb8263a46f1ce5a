/**
 * `npm run clean`: removes everything that can be regenerated (build output, coverage, logs, caches, packed tarballs).
 * It never touches a home folder (identity, points) or models/, which somebody had to download.
 */
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folders = [
  'dist',
  'coverage',
  '.vitest',
  '.eslintcache',
  'bench/out',
  'node_modules/.vite',
  'node_modules/.cache',
];
const leftovers = readdirSync(root).filter((name) => /\.(log|tgz|tsbuildinfo)$/.test(name));

for (const path of [...folders, ...leftovers]) rmSync(join(root, path), { recursive: true, force: true });
