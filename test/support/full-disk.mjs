// Runs inside a mount namespace of its own: a disk of 560 MiB in memory is mounted at the home, and filled up while a model is fetched from a hub
// that sends slowly. Prints what came of it as one JSON object. Arguments: the built command, the home, the model's file.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [command, home, source] = process.argv.slice(2);
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=560m', 'none', home]);
if (mounted.status !== 0) {
  console.log(JSON.stringify({ unavailable: mounted.stderr.toString() }));
  process.exit(0);
}

const { size } = statSync(source);
const hub = createServer((request, response) => {
  const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const partial = from > 0 ? { 'content-range': `bytes ${from}-${size - 1}/${size}` } : {};
  response.writeHead(from > 0 ? 206 : 200, { 'content-length': size - from, etag: '"one"', ...partial });
  if (request.method === 'HEAD') return void response.end();
  const file = createReadStream(source, { start: from, highWaterMark: 256 * 1024 });
  file.on('data', (chunk) => {
    response.write(chunk);
    file.pause();
    setTimeout(() => file.resume(), 40);
  });
  file.on('end', () => response.end());
  response.on('close', () => file.destroy());
});
await new Promise((listening) => hub.listen(0, '127.0.0.1', listening));
const endpoint = `http://127.0.0.1:${hub.address().port}`;

/** @param whenAt called once, when so many bytes have come */
async function pull(bytes, whenAt) {
  const env = { PATH: process.env.PATH, QMESH_HOME: home, QMESH_BOOTSTRAP: 'local:1', HF_ENDPOINT: endpoint };
  const child = spawn(process.execPath, [command, 'models', 'pull', 'hf:user/repository/full-disk.gguf', '--json'], {
    env,
  });
  const lines = [];
  let isDue = true;
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(JSON.parse(line));
    if (!isDue || (lines.at(-1).bytes ?? 0) < bytes) return;
    isDue = false;
    whenAt();
  });
  const code = await new Promise((ended) => child.on('close', ended));
  return { code, lines };
}

const filler = join(home, 'filler');
const fill = () => {
  for (let chunk = 64 << 20; chunk >= 4_096; chunk >>= 1)
    try {
      for (;;) writeFileSync(filler, Buffer.alloc(chunk), { flag: 'a' });
    } catch {
      // smaller pieces go on
    }
};
const full = await pull(4 << 20, fill);
const model = join(home, 'models/full-disk.gguf');
const wasPlaced = existsSync(model);
rmSync(filler);
const again = await pull(Infinity, () => {});
const sha256 = existsSync(model) ? createHash('sha256').update(readFileSync(model)).digest('hex') : null;
console.log(JSON.stringify({ full, wasPlaced, again, sha256 }));
process.exit(0);
