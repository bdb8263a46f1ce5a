/**
 * Transfer of a model between two processes over loopback, compared with as many bytes over a bare Noise stream: rate,
 * processor time of both ends, event-loop delay, and disk use during and after.
 */
import { fork } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, createReadStream, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeModel } from '../../dist/gguf/models.js';
import { endWithUs } from '../children.js';
import { localMesh } from '../local-mesh.js';
import { resultOf } from '../report.js';
import { runRounds } from '../rounds.js';

export const name = 'models';
export const about = 'a model fetched from another process, compared with a bare Noise stream';

const entry = fileURLToPath(new URL('../models/peer.js', import.meta.url));
const mebibyte = 1 << 20;
const diskLookMs = 100;

/** @param {import('../context.js').Context} context */
export async function run({ scratch, rounds, smoke, say }) {
  const network = await localMesh();
  const bytes = (smoke ? 16 : 500) * mebibyte;
  const file = await writeLargeModel(scratch, bytes);
  const contenders = [
    contender('qmesh', ['seed', 'fetch'], { bootstrap: network.bootstrap, scratch, file, bytes }),
    contender('noise', ['send', 'receive'], { bootstrap: network.bootstrap, scratch, file, bytes }),
  ];
  const measured = await runRounds(contenders, { rounds, keepDisturbed: smoke, say });
  await network.destroy();
  /** @type {Record<string, import('../report.js').Metric>} */
  const metrics = {
    rateMbps: { label: 'transfer', unit: 'MB/s', compare: 'ratio' },
    senderCpu: { label: 'processor of the sender', unit: 's/GB', compare: 'ratio' },
    receiverCpu: { label: 'processor of the receiver', unit: 's/GB', compare: 'ratio' },
    senderLagMs: { label: 'event loop of the sender, p99', unit: 'ms' },
    receiverLagMs: { label: 'event loop of the receiver, p99', unit: 'ms' },
    importMbps: { label: 'import: hash and tree', unit: 'MB/s' },
    verifyMbps: { label: 'verify: hash and tree', unit: 'MB/s' },
    verifyLagMs: { label: 'event loop while verifying, p99', unit: 'ms' },
    sha256Mbps: { label: 'SHA-256 alone', unit: 'MB/s' },
    fetchPeak: { label: 'disk of the fetcher, peak', unit: '× the file' },
    fetchLasting: { label: 'disk of the fetcher, afterwards', unit: '× the file' },
    seedLasting: { label: 'disk of the seeder beside its file', unit: '× the file' },
  };
  return resultOf(name, { mebibytes: bytes / mebibyte }, metrics, ['qmesh', 'noise'], measured);
}

/**
 * @param {string} label
 * @param {[string, string]} roles who has it, who gets it
 * @param {{ bootstrap: string, scratch: string, file: string, bytes: number }} place
 */
function contender(label, [from, to], { bootstrap, scratch, file, bytes }) {
  return {
    name: label,
    start: async () => {},
    stop: async () => {},
    /** @param {number} round */
    async measure(round) {
      const folders = [from, to].map((role) => join(scratch, `${label}-${role}-${round}`));
      const [has = '', gets = ''] = folders;
      for (const folder of folders) mkdirSync(folder);
      const sender = peer(from, bootstrap, has, file);
      const receiver = peer(to, bootstrap, gets, file);
      const { ready, importMs } = await sender.says('ready');
      await receiver.says('ready');
      let peak = 0;
      const look = setInterval(() => (peak = Math.max(peak, diskBytes(gets))), diskLookMs);
      sender.tell('begin');
      receiver.tell(ready);
      const { done: got } = await receiver.says('done');
      sender.tell('end');
      const { done: gave } = await sender.says('done');
      clearInterval(look);
      await Promise.all([sender.end(), receiver.end()]);
      const [ofFetcher, ofSeeder] = [diskBytes(gets) / bytes, diskBytes(has) / bytes];
      const sha256Ms = label === 'qmesh' ? await hashAlone(file) : 0;
      for (const folder of folders) rmSync(folder, { recursive: true });
      const rate = (/** @type {number} */ ms) => bytes / 1_000 / ms;
      const perGb = (/** @type {number} */ cpuMs) => (cpuMs / bytes) * 1e6;
      return {
        rateMbps: rate(got.tookMs),
        senderCpu: perGb(gave.cpuMs),
        receiverCpu: perGb(got.cpuMs),
        senderLagMs: gave.lagP99Ms,
        receiverLagMs: got.lagP99Ms,
        ...(label === 'qmesh' && {
          importMbps: rate(importMs),
          verifyMbps: rate(got.verifyMs),
          verifyLagMs: got.verifyLagP99Ms,
          sha256Mbps: rate(sha256Ms),
          fetchPeak: Math.max(peak / bytes, ofFetcher),
          fetchLasting: ofFetcher,
          seedLasting: ofSeeder,
        }),
      };
    },
  };
}

/**
 * @param {string} role
 * @param {string[]} args
 */
function peer(role, ...args) {
  const child = endWithUs(fork(entry, [role, ...args]));
  /** @type {any[]} */
  const said = [];
  let wake = () => {};
  child.on('message', (message) => {
    said.push(message);
    wake();
  });
  child.once('exit', () => wake());
  return {
    tell: (/** @type {string} */ word) => void child.send(word),
    /** @param {string} what */
    async says(what) {
      for (;;) {
        const message = said.find((one) => what in one);
        if (message !== undefined) return message;
        if (child.exitCode !== null) throw new Error(`${role} ended and had not said ${what}`);
        await new Promise((resolve) => (wake = () => resolve(undefined)));
      }
    },
    async end() {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/**
 * A valid model with a tail of random bytes: what a header says of a file is a lower bound.
 * @param {string} folder
 * @param {number} bytes
 */
async function writeLargeModel(folder, bytes) {
  const path = join(folder, 'large-model.gguf');
  await writeModel('demo', path);
  for (let left = bytes - statSync(path).size; left > 0; left -= 8 * mebibyte)
    appendFileSync(path, randomBytes(Math.min(left, 8 * mebibyte)));
  return path;
}

/** @param {string} path */
async function hashAlone(path) {
  const startMs = performance.now();
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: mebibyte })) hash.update(chunk);
  hash.digest();
  return performance.now() - startMs;
}

/** What the files of a folder take, not how long they are: a part has holes. @param {string} folder */
function diskBytes(folder) {
  if (!existsSync(folder)) return 0;
  let blocks = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile())
      try {
        blocks += statSync(join(entry.parentPath, entry.name)).blocks;
      } catch {
        // it is gone meanwhile
      }
  return blocks * 512;
}
