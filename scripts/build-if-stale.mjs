/** Builds dist/ unless it is newer than all its sources, so that `npm start` does not compile unchanged code. */
import { execSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const sources = ['package.json', 'tsconfig.json', 'tsconfig.build.json'].map((file) => join(root, file));
for (const entry of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }))
  sources.push(join(root, 'src', entry));

/** @param {string} path */
const changedMs = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const builtMs = changedMs(join(root, 'dist', '.tsbuildinfo'));
if (sources.some((path) => changedMs(path) > builtMs))
  execSync('npm run build --silent', { cwd: root, stdio: 'inherit' });
