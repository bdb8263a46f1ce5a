/**
 * A node on the models network written from docs/protocol.md alone: plain Hyperswarm, Corestore and Protomux, nothing of src/. Its hashes
 * and its ed25519 are OpenSSL's.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Account, isSignedBy, type Signable } from './wire-client.js';

export const modelsTopic = 'qmesh-models-v2';
const blockBytes = 1_048_576;

interface Core {
  readonly key: Buffer;
  readonly length: number;
  readonly core: { copyPrologue(from: object): Promise<void> };
  readonly state: object;
  ready(): Promise<void>;
  append(blocks: readonly Buffer[]): Promise<unknown>;
  get(index: number, options: { timeout: number }): Promise<Buffer>;
  treeHash(): Promise<Buffer>;
}
interface Store {
  get(options: object): Core;
  replicate(stream: Stream): void;
  close(): Promise<void>;
}
interface Drive {
  readonly key: Buffer;
  ready(): Promise<void>;
  put(path: string, content: Buffer): Promise<void>;
  get(path: string, options?: object): Promise<Buffer | null>;
  list(folder: string): AsyncIterable<{ readonly key: string }>;
  readonly core: Core;
}
interface Stream {
  readonly publicKey: Buffer;
  readonly remotePublicKey: Buffer;
  readonly destroyed: boolean;
  on(event: 'close' | 'open', listener: () => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  destroy(): void;
}
interface Dht {
  connect(remotePublicKey: Buffer, options: { keyPair: object }): Stream;
  destroy(): Promise<void>;
}
interface Swarm {
  join(topic: Buffer, options: { server: boolean; client: boolean }): { refresh(): Promise<void> };
  on(event: 'connection', listener: (stream: Stream) => void): void;
  destroy(): Promise<void>;
}
interface Mux {
  createChannel(options: object): { open(): void; readonly messages: readonly { send(bytes: Buffer): void }[] };
}

const require = createRequire(import.meta.url);
const HyperDht = require('hyperdht') as (new (options: object) => Dht) & { keyPair(): object };
const Hyperswarm = require('hyperswarm') as new (options: object) => Swarm;
const Corestore = require('corestore') as new (folder: string) => Store;
const Hyperdrive = require('hyperdrive') as new (store: Store, key?: Buffer) => Drive;
const Hypercore = require('hypercore') as { key(manifest: object): Buffer };
const Protomux = require('protomux') as { from(stream: Stream): Mux };
const { raw } = require('compact-encoding') as { raw: object };

/** A `shelf` has node, drive and signature, a `wanted` has models. */
export interface Told {
  readonly v: number;
  readonly type: string;
  readonly node: string;
  readonly drive: string;
  readonly signature: string;
  readonly models?: readonly string[];
}
export interface Card {
  readonly name: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly tree: string;
  readonly key: string;
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const manifestOf = (tree: string, bytes: number): object => ({
  version: 1,
  hash: 'blake2b',
  allowPatch: false,
  quorum: 0,
  signers: [],
  prologue: { hash: Buffer.from(tree, 'hex'), length: Math.ceil(bytes / blockBytes) },
});

/** A connection with its channel. */
export interface Peer {
  readonly stream: Stream;
  /** Of the other end, hex. */
  readonly key: string;
  readonly heard: Told[];
  send(bytes: Buffer | object): void;
}

export class ModelsStranger {
  readonly account = new Account();
  readonly peers: Peer[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'qmesh-stranger-'));
  readonly #store = new Corestore(this.#folder);
  readonly #dht: Dht;
  #swarm: Swarm | undefined;
  #drive: Drive | undefined;

  constructor(bootstrap: readonly object[]) {
    this.#dht = new HyperDht({ bootstrap, host: '127.0.0.1', port: [0, 0], firewalled: false });
  }

  /** Meets whoever is on the topic. Asked again, since who announces itself later would be found minutes later. */
  join(): void {
    this.#swarm = new Hyperswarm({ dht: this.#dht });
    this.#swarm.on('connection', (stream) => void this.#attach(stream));
    const topic = createHash('sha256').update(modelsTopic).digest();
    const discovery = this.#swarm.join(topic, { server: true, client: true });
    const again = setInterval(() => void discovery.refresh().catch(() => undefined), 1_000);
    again.unref();
  }

  /** One more connection, from a key of its own. */
  dial(key: string): Peer {
    return this.#attach(this.#dht.connect(Buffer.from(key, 'hex'), { keyPair: HyperDht.keyPair() }));
  }

  #attach(stream: Stream): Peer {
    stream.on('error', () => undefined);
    const heard: Told[] = [];
    const channel = Protomux.from(stream).createChannel({
      protocol: 'qmesh-models/2',
      messages: [
        { encoding: raw, onmessage: (bytes: Buffer) => void heard.push(JSON.parse(bytes.toString('utf8')) as Told) },
      ],
      onopen: () => {
        if (this.#drive !== undefined) peer.send(this.shelf(peer));
      },
    });
    const peer: Peer = {
      stream,
      key: stream.remotePublicKey.toString('hex'),
      heard,
      send: (told) => channel.messages[0]?.send(Buffer.isBuffer(told) ? told : Buffer.from(JSON.stringify(told))),
    };
    this.peers.push(peer);
    stream.on('close', () => this.peers.splice(this.peers.indexOf(peer), 1));
    this.#store.replicate(stream);
    channel.open();
    return peer;
  }

  /** As this node tells it on this connection, but for what is `signed` in place of the truth. */
  shelf({ stream }: Peer, signed: Signable = {}): object {
    const drive = this.#drive?.key.toString('hex') ?? 'ab'.repeat(32);
    const { node } = this.account;
    const subject = { network: modelsTopic, node, key: stream.publicKey.toString('hex'), drive, ...signed };
    const { signature } = this.account.signed('shelf', subject);
    return { v: 2, type: 'shelf', node, drive, signature };
  }

  /** Puts a model on this node's shelf. */
  async offer(name: string, content: Buffer): Promise<Card> {
    const blocks: Buffer[] = [];
    for (let at = 0; at < content.length; at += blockBytes) blocks.push(content.subarray(at, at + blockBytes));
    const own = this.#store.get({ name: 'blocks' });
    await own.append(blocks);
    const tree = (await own.treeHash()).toString('hex');
    const core = this.#store.get({ manifest: manifestOf(tree, content.length) });
    await core.ready();
    await core.core.copyPrologue(own.state);
    const card = { name, sha256: sha256(content), bytes: content.length, tree, key: core.key.toString('hex') };
    this.#drive = new Hyperdrive(this.#store);
    await this.#drive.ready();
    await this.#drive.put(`/models/${card.sha256}.json`, Buffer.from(JSON.stringify({ ...card, unheardOf: true })));
    return card;
  }

  /** Whether what was told is signed by its node, for this connection. */
  isGenuine({ key }: Peer, { node, drive, signature }: Told): boolean {
    return isSignedBy(node, 'shelf', { network: modelsTopic, node, key, drive, signature });
  }

  /** The cards of a drive that somebody told. */
  async cardsOf(drive: string): Promise<readonly Card[]> {
    const shelf = new Hyperdrive(this.#store, Buffer.from(drive, 'hex'));
    await shelf.ready();
    while (shelf.core.length === 0) await delay(20); // its owner has yet to tell how long it is
    const cards: Card[] = [];
    for await (const { key } of shelf.list('/models')) {
      const card = await shelf.get(key);
      if (card !== null) cards.push(JSON.parse(card.toString('utf8')) as Card);
    }
    return cards;
  }

  /** All blocks of a card's core. */
  async fetch({ tree, bytes, key }: Card): Promise<Buffer> {
    const manifest = manifestOf(tree, bytes);
    if (Hypercore.key(manifest).toString('hex') !== key) throw new Error('the key does not follow from tree and size');
    const core = this.#store.get({ key: Buffer.from(key, 'hex'), manifest });
    await core.ready();
    const count = Math.ceil(bytes / blockBytes);
    const blocks = Array.from({ length: count }, (_, index) => core.get(index, { timeout: 20_000 }));
    return Buffer.concat(await Promise.all(blocks));
  }

  async close(): Promise<void> {
    await this.#swarm?.destroy();
    await this.#dht.destroy();
    await this.#store.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
