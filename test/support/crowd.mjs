/**
 * A crowd of strangers in a process of its own, so that what they cost is not taken for what they do to a worker: some are connected and
 * say nothing, some drip a frame and never read, one sends prompts as fast as it is told to. Plain HyperDHT and bytes, nothing
 * of src/.
 *
 * Takes `{bootstrap, workerId, idle, slow, promptsPerSecond}` from its parent and answers `{}` once all are connected; from then on answers
 * every message with what it has seen. Ends, with all its connections, when its parent disconnects.
 */
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import os from 'node:os';
import process from 'node:process';
import { clearInterval, setInterval, setTimeout } from 'node:timers';

const HyperDht = createRequire(import.meta.url)('hyperdht');

/** They stand for machines elsewhere: the worker's processor is not for them. */
const niceness = 19;
const dialsAtOnce = 16;
/** Who was closed comes back. */
const redialMs = 250;
const floodTickMs = 5;
/** Short answers: what is let in of the flood is served as anybody's is, and that is not what a flood costs. */
const maxTokens = 4;
const dripMs = 500;
/** So long a frame that no drip completes it. */
const drippedBytes = 1_048_576;

const seen = { sent: 0, ends: {}, connected: 0, flooderLost: 0 };
let dht;
let workerKey;

function framed(message) {
  const body = Buffer.from(JSON.stringify(message));
  return Buffer.concat([headerOf(body.length), body]);
}

function headerOf(bytes) {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(bytes);
  return header;
}

/** Dials until the worker has said something, and again when it is closed. Resolves at the first time. */
function stayConnected(begin) {
  return new Promise((resolve) => {
    const dial = () => {
      const stream = dht.connect(workerKey, { keyPair: HyperDht.keyPair(randomBytes(32)) });
      let end = () => {};
      stream.on('error', () => {}); // 'close' follows
      stream.once('data', () => {
        seen.connected += 1;
        const stop = begin(stream);
        end = () => {
          seen.connected -= 1;
          stop();
        };
        resolve();
      });
      stream.on('close', () => {
        end();
        setTimeout(dial, redialMs);
      });
    };
    dial();
  });
}

function beIdle(stream) {
  stream.resume();
  return () => {};
}

function drip(stream) {
  stream.pause();
  stream.write(headerOf(drippedBytes));
  const timer = setInterval(() => stream.write('{'), dripMs);
  return () => clearInterval(timer);
}

const flood = (promptsPerSecond) => (stream) => {
  let [sent, owed, atMs] = [0, 0, performance.now()];
  stream.on('data', endCounter());
  const timer = setInterval(() => {
    const nowMs = performance.now();
    owed = Math.min(owed + ((nowMs - atMs) * promptsPerSecond) / 1_000, promptsPerSecond / 4);
    atMs = nowMs;
    const prompts = [];
    for (; owed >= 1; owed--)
      prompts.push(framed({ v: 2, type: 'prompt', id: `f${sent++}`, prompt: 'KEY1;', options: { maxTokens } }));
    if (prompts.length === 0) return;
    seen.sent += prompts.length;
    stream.write(Buffer.concat(prompts));
  }, floodTickMs);
  return () => {
    seen.flooderLost += 1;
    clearInterval(timer);
  };
};

function endCounter() {
  let rest = Buffer.alloc(0);
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= 4) {
      const end = 4 + rest.readUInt32BE(0);
      if (rest.length < end) return;
      const { type, code = 'answered' } = JSON.parse(rest.toString('utf8', 4, end));
      if (type === 'inference_error' || type === 'inference_result') seen.ends[code] = (seen.ends[code] ?? 0) + 1;
      rest = rest.subarray(end);
    }
  };
}

async function gather({ bootstrap, workerId, idle, slow, promptsPerSecond }) {
  dht = new HyperDht({ bootstrap, host: '127.0.0.1', firewalled: false });
  workerKey = Buffer.from(workerId, 'hex');
  const all = [
    flood(promptsPerSecond),
    ...Array.from({ length: slow }, () => drip),
    ...Array.from({ length: idle }, () => beIdle),
  ];
  const dialer = async () => {
    for (let begin = all.pop(); begin !== undefined; begin = all.pop()) await stayConnected(begin);
  };
  await Promise.all(Array.from({ length: dialsAtOnce }, dialer));
}

os.setPriority(niceness);
process.once('message', async (crowd) => {
  await gather(crowd);
  process.on('message', () => process.send(seen));
  process.send({});
});
process.on('disconnect', () => void dht?.destroy().finally(() => process.exit()));
