/**
 * One end of a transfer, in its own process: `seed` and `fetch` for a model, or `send` and `receive` for as many bytes
 * over a bare Noise stream on the same DHT. Prints `ready`, then `done` with its figures; `fetch` and `receive` are
 * told whom to ask.
 *
 *     node peer.js ROLE BOOTSTRAP FOLDER FILE
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import process from 'node:process';
import HyperDHT from 'hyperdht';
import { createActor } from 'xstate';
import { createHyperswarmNetwork } from '../../dist/actors/network/hyperswarm-network.js';
import { createFetch } from '../../dist/actors/fetch.actor.js';
import { joinModelsNetwork } from '../../dist/actors/models/models-network.js';
import { shareModel } from '../../dist/actors/models/share-model.js';
import { unlimited } from '../../dist/actors/models/throttle.js';
import { parseBootstrap } from '../../dist/actors/network/bootstrap.js';
import { keyPairFromSeed } from '../../dist/protocol/keys.js';
import { systemClock as clock } from '../../dist/runtime/clock.js';
import { nullLogger as log } from '../../dist/runtime/log.js';
import { systemRandom as random } from '../../dist/runtime/random.js';
import { createThreadPool } from '../../dist/runtime/thread-pool.js';

const [role = '', bootstrap = '', folder = '', file = ''] = process.argv.slice(2);
const chunkBytes = 1 << 20;

const say = (/** @type {object} */ message) => void process.send?.(message);
const heard = () => new Promise((resolve) => process.once('message', resolve));

const delay = monitorEventLoopDelay({ resolution: 1 });
/** What this process takes from now on, until it is asked. */
function meter() {
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  delay.reset();
  delay.enable();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    const lagP99Ms = Math.max(0, delay.percentile(99) / 1e6 - 1); // less the timer's own period
    return { tookMs: performance.now() - startMs, cpuMs: (user + system) / 1_000, lagP99Ms };
  };
}

const pool = createThreadPool({
  entry: new URL('../../dist/actors/models/read-blocks.js', import.meta.url),
  maxThreads: 1,
});
const readBlocks = (/** @type {string} */ path) => pool.run({ path });

/** @returns {Promise<import('../../dist/actors/models/models-network.js').ModelsNetwork>} */
const joinMesh = () =>
  new Promise((joined, failed) => {
    const keySeed = random.bytes(32);
    const nodes = parseBootstrap(bootstrap) ?? { kind: /** @type {const} */ ('local') };
    const network = createHyperswarmNetwork({ bootstrap: nodes, host: '127.0.0.1', clock, random, log });
    const options = { network, prefix: '', trusted: [], clock, keySeed, identity: keyPairFromSeed(keySeed) };
    joinModelsNetwork(options, { joined, failed });
  });

async function seed() {
  const importing = meter();
  const { sha256, bytes, tree } = await readBlocks(file);
  const imported = importing();
  const { mesh } = await joinMesh();
  const content = { sha256, bytes, tree: Buffer.from(tree.root).toString('hex') };
  const plain = { mesh, coresFolder: join(folder, 'cores'), upload: unlimited, catalog: [] };
  const { card } = await shareModel(file, content, { ...plain, readTree: () => Promise.resolve(tree) });
  say({ ready: card.sha256, importMs: imported.tookMs, importLagP99Ms: imported.lagP99Ms });
  await heard();
  const seeding = meter();
  await heard();
  say({ done: seeding() });
}

async function fetch() {
  const network = await joinMesh();
  say({ ready: '' });
  const wanted = await heard();
  /** @type {(() => { tookMs: number, cpuMs: number, lagP99Ms: number }) | undefined} */
  let transferring;
  let transfer = { tookMs: 0, cpuMs: 0, lagP99Ms: 0 };
  let verifying = meter();
  const fetched = createActor(
    createFetch({
      modelsFolder: join(folder, 'models'),
      coresFolder: join(folder, 'cores'),
      catalog: [],
      mesh: network.mesh,
      hub: undefined,
      token: undefined,
      upload: unlimited,
      download: unlimited,
      readBlocks,
      clock,
      random,
      watch: {
        searching: () => {},
        source: () => (transferring = meter()),
        progress: () => {},
        trouble: () => {},
        verifying() {
          if (transferring !== undefined) transfer = transferring();
          verifying = meter();
        },
      },
    }),
    { input: { wanted: String(wanted) }, clock },
  );
  fetched.subscribe({
    complete: () => {
      const { output } = fetched.getSnapshot();
      say({ done: { ...transfer, verifyMs: verifying().tookMs, verifyLagP99Ms: verifying().lagP99Ms }, output });
    },
  });
  fetched.start();
}

const dhtNode = () => {
  const nodes = parseBootstrap(bootstrap);
  return new HyperDHT({ bootstrap: nodes?.kind === 'nodes' ? nodes.nodes : [], host: '127.0.0.1', firewalled: false });
};

async function send() {
  const bytes = statSync(file).size;
  // @ts-expect-error not in our declaration of the package
  const server = dhtNode().createServer((/** @type {import('hyperswarm').NoiseStream} */ stream) => {
    stream.on('error', () => {});
    const chunk = Buffer.alloc(chunkBytes, 7);
    let left = bytes;
    const more = () => {
      while (left > 0) {
        const piece = chunk.subarray(0, Math.min(left, chunkBytes));
        left -= piece.length;
        if (!stream.write(piece)) return;
      }
    };
    stream.on('drain', more);
    stream.once('data', more);
  });
  await server.listen();
  say({ ready: Buffer.from(server.publicKey).toString('hex') });
  await heard();
  const sending = meter();
  await heard();
  say({ done: sending() });
}

async function receive() {
  say({ ready: '' });
  const key = await heard();
  const bytes = statSync(file).size;
  // @ts-expect-error not in our declaration of the package
  const stream = dhtNode().connect(Buffer.from(String(key), 'hex'));
  stream.on('error', () => {});
  await new Promise((resolve) => stream.once('open', resolve));
  const receiving = meter();
  let got = 0;
  stream.on('data', (/** @type {Uint8Array} */ piece) => {
    got += piece.length;
    if (got === bytes) say({ done: receiving() });
  });
  stream.write(Buffer.from('go'));
}

/** @type {Readonly<Record<string, () => Promise<void>>>} */
const roles = { seed, fetch, send, receive };
await roles[role]?.();
