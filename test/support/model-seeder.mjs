/**
 * A process that offers a file on the models network: `node model-seeder.mjs <dist> <bootstrap host:port> <folder> <file> [bytes a second [bytes
 * after which it stalls]]`.
 * Prints `{"event":"seeding",…}` when it does, and every 500 ms what it has sent and how late its event loop was.
 */
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import process from 'node:process';
import { setInterval } from 'node:timers';

const [dist, bootstrap, folder, file, rate, end] = process.argv.slice(2);
const load = (path) => import(join(dist, path));
const { createHyperswarmNetwork } = await load('actors/network/hyperswarm-network.js');
const { joinModelsNetwork } = await load('actors/models/models-network.js');
const { shareModel } = await load('actors/models/share-model.js');
const { keyPairFromSeed } = await load('protocol/keys.js');
const { throttleAt, unlimited } = await load('actors/models/throttle.js');
const { systemClock: clock } = await load('runtime/clock.js');
const { systemRandom: random } = await load('runtime/random.js');
const { createThreadPool } = await load('runtime/thread-pool.js');
const { parseBootstrap } = await load('actors/network/bootstrap.js');
const { nullLogger: log } = await load('runtime/log.js');

const say = (event, fields) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const lag = () => ({ p99Ms: delay.percentile(99) / 1e6, maxMs: delay.max / 1e6 });

const pool = createThreadPool({ entry: new URL(join('file://', dist, 'actors/models/read-blocks.js')), maxThreads: 1 });
const startMs = performance.now();
const read = await pool.run({ path: file });
const hashMs = performance.now() - startMs;
const hashLag = lag();
delay.reset();
const content = { sha256: read.sha256, bytes: read.bytes, tree: Buffer.from(read.tree.root).toString('hex') };
const limit = rate === undefined ? unlimited : throttleAt(Number(rate), clock);
let left = end === undefined ? Infinity : Number(end);
const upload = { take: (bytes) => ((left -= bytes) >= 0 ? limit.take(bytes) : new Promise(() => {})) };
let sent = 0;
const keySeed = random.bytes(32);
joinModelsNetwork(
  {
    network: createHyperswarmNetwork({ bootstrap: parseBootstrap(bootstrap), host: '127.0.0.1', clock, random, log }),
    prefix: '',
    trusted: [],
    clock,
    keySeed,
    identity: keyPairFromSeed(random.bytes(32)),
  },
  {
    async joined({ mesh }) {
      const { card } = await shareModel(file, content, {
        coresFolder: join(folder, 'cores'),
        mesh,
        upload,
        catalog: [],
        readTree: () => Promise.resolve(read.tree),
        sent: (bytes) => (sent += bytes),
      });
      say('seeding', {
        ...card,
        hashMs,
        hashLag,
        plantMs: performance.now() - startMs - hashMs,
      });
    },
    failed: (error) => say('failed', { message: error.message }),
  },
);
setInterval(() => say('sent', { sent, ...lag(), cpu: process.cpuUsage() }), 500);
