/**
 * Nodes of the models network without a DHT: seeds and fetches of files of random bytes, joined by UDX streams on
 * loopback.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import NoiseSecretStream from '@hyperswarm/secret-stream';
import UDX from 'udx-native';
import type { NoiseStream } from 'hyperswarm';
import { fetchFromMesh, type FetchProgress, type MeshFetchOptions } from '../../src/actors/models/mesh-fetch.js';
import { openFetch, openSeed, type ModelCore } from '../../src/actors/models/model-core.js';
import { createModelSwarm, type ModelSwarm } from '../../src/actors/models/model-swarm.js';
import readBlocks from '../../src/actors/models/read-blocks.js';
import { unlimited, type Throttle } from '../../src/actors/models/throttle.js';
import type { ModelContent } from '../../src/protocol/model-content.js';
import { systemClock } from '../../src/runtime/clock.js';
import { seededRandom } from '../../src/runtime/random.js';

export const mebibyte = 1 << 20;

const folders: string[] = [];
const closers: (() => Promise<void> | void)[] = [];

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'qmesh-models-'));
  folders.push(folder);
  return folder;
}

/** Call after each test. */
export async function closeMesh(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

export function writeRandomFile(bytes: number, name = 'model.gguf'): string {
  const path = join(newFolder(), name);
  writeFileSync(path, randomBytes(bytes));
  return path;
}

export class MeshNode {
  readonly folder = newFolder();
  readonly swarm: ModelSwarm;

  constructor(trusted: readonly string[] = []) {
    this.swarm = createModelSwarm({
      clock: systemClock,
      mayBring: (key) => trusted.length === 0 || trusted.includes(key),
    });
    closers.push(() => this.swarm.close());
  }

  get cores(): string {
    return join(this.folder, 'cores');
  }

  /** Where a fetch stores it. */
  part = join(this.folder, 'model.part');

  async seed(path: string, upload: Throttle = unlimited): Promise<ModelCore> {
    const { sha256, bytes, tree } = await readBlocks({ path });
    const content = { sha256, bytes, tree: Buffer.from(tree.root).toString('hex') };
    const core = await openSeed(this.cores, path, content, () => Promise.resolve(tree), upload);
    closers.push(() => core.close());
    this.swarm.share(core);
    return core;
  }

  /** @param upload limit for what it passes on meanwhile */
  async fetch(
    content: ModelContent,
    options: Partial<MeshFetchOptions> = {},
    upload = unlimited,
  ): Promise<RunningFetch> {
    const core = await openFetch(this.cores, this.part, content, upload);
    closers.push(() => core.close());
    return new RunningFetch({
      core,
      swarm: this.swarm,
      download: unlimited,
      clock: systemClock,
      random: seededRandom(1),
      ...options,
    });
  }
}

export class RunningFetch {
  readonly core: ModelCore;
  readonly blamed: string[] = [];
  last: FetchProgress = { bytes: 0, seeders: 0 };
  /** Resolves with how it ended. */
  readonly end: Promise<'done' | Error>;
  readonly #fetch: { cancel(): void };

  constructor(options: MeshFetchOptions) {
    this.core = options.core;
    let resolve!: (how: 'done' | Error) => void;
    this.end = new Promise((done) => (resolve = done));
    this.#fetch = fetchFromMesh(options, {
      progress: (now) => (this.last = now),
      blamed: (key, what) => this.blamed.push(`${key} ${what}`),
      done: () => resolve('done'),
      failed: (error) => resolve(error),
    });
  }

  /** Ends it the way a process ends, except for pending writes. */
  async stop(): Promise<void> {
    this.#fetch.cancel();
    await this.core.close();
  }
}

interface Half {
  readonly socket: { bind(port: number, host: string): void; address(): { port: number }; close(): Promise<void> };
  readonly raw: { readonly id: number; connect(socket: object, id: number, port: number, host: string): void };
}

const udx = new UDX() as { createSocket(): Half['socket']; createStream(id: number): Half['raw'] };
let nextStreamId = 1;

/** The two ends of one connection, dialling end first. */
export async function connectStreams(): Promise<[dialled: NoiseStream, accepted: NoiseStream]> {
  const [left, right] = [udx.createSocket(), udx.createSocket()].map((socket) => {
    socket.bind(0, '127.0.0.1');
    return { socket, raw: udx.createStream(nextStreamId++) };
  }) as [Half, Half];
  left.raw.connect(left.socket, right.raw.id, right.socket.address().port, '127.0.0.1');
  right.raw.connect(right.socket, left.raw.id, left.socket.address().port, '127.0.0.1');
  const streams = [new NoiseSecretStream(true, left.raw), new NoiseSecretStream(false, right.raw)] as [
    NoiseStream,
    NoiseStream,
  ];
  for (const [i, stream] of streams.entries()) {
    stream.on('error', () => {});
    stream.on('close', () => void [left, right][i]?.socket.close());
    closers.push(() => stream.destroy());
  }
  await Promise.all(streams.map((stream) => (stream as unknown as { opened: Promise<boolean> }).opened));
  return streams;
}

/** @returns the key under which the first knows the second, and the other way round */
export async function connect(a: MeshNode, b: MeshNode): Promise<{ keyOfA: string; keyOfB: string; cut(): void }> {
  const [dialled, accepted] = await connectStreams();
  a.swarm.attach(dialled);
  b.swarm.attach(accepted);
  return {
    keyOfB: Buffer.from(dialled.remotePublicKey).toString('hex'),
    keyOfA: Buffer.from(accepted.remotePublicKey).toString('hex'),
    cut: () => dialled.destroy(),
  };
}
