/**
 * Exchanges which models nodes offer and want. A node's shelf is a Hyperdrive with one card per model. On every
 * connection, next to Hypercore's own messages, a node announces its shelf's key, signed by its identity, and the
 * models it wants.
 */
import Hyperdrive from 'hyperdrive';
import Hypercore, { type Encoding } from 'hypercore';
import type { NoiseStream } from 'hyperswarm';
import type { KeyPair } from '../../protocol/keys.js';
import { cardPath, encodeCard, maxCards, type ModelCard } from '../../protocol/model-card.js';
import {
  createShelf,
  createWanted,
  decodeModelsMessage,
  encodeModelsMessage,
  isGenuineShelf,
  modelsChannel,
} from '../../protocol/models-messages.js';
import { openShelfStore, type ShelfStore } from './shelf-store.js';
import { ShelfReader } from './shelf-reader.js';

export interface Offer {
  /** Key of the connection, hex. */
  readonly peerKey: string;
  /** ID of the node that owns the shelf. */
  readonly node: string;
  readonly card: ModelCard;
}

export interface Want {
  readonly peerKey: string;
  /** Names or SHA-256. */
  readonly models: readonly string[];
}

export interface ShelvesOptions {
  /** Owner of this node's shelf. */
  readonly identity: KeyPair;
  /** The topic's name, including its prefix. */
  readonly network: string;
  /** The key by which others know this end, hex. */
  readonly key: string;
  /** Another node's offers or wants have changed. */
  readonly changed: () => void;
  /** Shelves cannot be stored or read, most likely because of the disk. Called once. */
  readonly failed: (error: Error) => void;
}

interface Peer {
  readonly stream: NoiseStream;
  tell(this: void, bytes: Uint8Array): void;
  drive: string;
  node: string | undefined;
  reader: ShelfReader | undefined;
  cards: readonly ModelCard[];
  wants: readonly string[];
  /** Its end of the channel is open, and its shelf, if it announced one, has been read. */
  isHeard: boolean;
}

/** A message is all bytes up to the end of the frame. */
const wholeMessage: Encoding = {
  preencode: (state, bytes) => void (state.end += bytes.byteLength),
  encode(state, bytes) {
    state.buffer.set(bytes, state.start);
    state.start += bytes.byteLength;
  },
  decode(state) {
    const bytes = state.buffer.slice(state.start, state.end);
    state.start = state.end;
    return bytes;
  },
};

export class Shelves {
  readonly #options: ShelvesOptions;
  readonly #peers = new Map<string, Peer>();
  #store: ShelfStore | undefined;
  /** Operations on this node's own drive, run one after the other. */
  #work: Promise<void>;
  #own: Hyperdrive | undefined;
  /** Cards on the own drive, by SHA-256, as they were written. */
  readonly #written = new Map<string, string>();
  #wants: readonly string[] = [];
  #isOver = false;

  constructor(options: ShelvesOptions) {
    this.#options = options;
    this.#work = this.#open().catch((error: unknown) => options.failed(error as Error));
  }

  /** Opens the channel on a connection. A peer that sends an invalid message is disconnected. */
  attach(stream: NoiseStream): void {
    const peerKey = Buffer.from(stream.remotePublicKey).toString('hex');
    Hypercore.createProtocolStream(stream); // the muxer that Hypercore itself uses
    const channel = Hypercore.getProtocolMuxer(stream).createChannel({
      protocol: modelsChannel,
      messages: [{ encoding: wholeMessage, onmessage: (bytes) => this.#heard(peerKey, peer, bytes) }],
      onopen: () => {
        peer.isHeard = true; // until it announces a shelf
        if (this.#own !== undefined) this.#tellShelf(peer);
        if (this.#wants.length > 0) peer.tell(encodeModelsMessage(createWanted(this.#wants)));
      },
    });
    if (channel === null) return; // the connection already has this channel
    const tell = (bytes: Uint8Array): void => void channel.messages[0].send(bytes);
    const peer: Peer = { stream, tell, drive: '', node: undefined, reader: undefined, cards: [], wants: [], isHeard: false };
    this.#peers.get(peerKey)?.reader?.close();
    this.#peers.set(peerKey, peer);
    this.#store?.cores.replicate(stream);
    stream.on('close', () => {
      peer.reader?.close();
      if (this.#peers.get(peerKey) !== peer) return;
      this.#peers.delete(peerKey);
      this.#options.changed();
    });
    channel.open();
  }

  /** Replaces this node's cards. */
  offer(cards: readonly ModelCard[]): void {
    const wanted = new Map(cards.slice(0, maxCards).map((card) => [card.sha256, card]));
    this.#work = this.#work
      .then(() => this.#write(wanted))
      .catch((error: unknown) => {
        if (!this.#isOver) this.#options.failed(error as Error);
      });
  }

  /** Replaces what this node wants: names or SHA-256. */
  want(models: readonly string[]): void {
    this.#wants = models;
    for (const { tell } of this.#peers.values()) tell(encodeModelsMessage(createWanted(models)));
  }

  /** Of all connected nodes. */
  get offers(): readonly Offer[] {
    return [...this.#peers].flatMap(([peerKey, { node = '', cards }]) => cards.map((card) => ({ peerKey, node, card })));
  }

  /** The node ID that this peer has proven; undefined if it has announced no shelf. */
  nodeOf(peerKey: string): string | undefined {
    return this.#peers.get(peerKey)?.node;
  }

  /** Whether the offers of every connected peer are known. */
  get areHeard(): boolean {
    return [...this.#peers.values()].every(({ isHeard }) => isHeard);
  }

  get wants(): readonly Want[] {
    return [...this.#peers].flatMap(([peerKey, { wants }]) => (wants.length === 0 ? [] : [{ peerKey, models: wants }]));
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.#isOver = true;
    for (const { reader } of this.#peers.values()) reader?.close();
    await this.#work;
    await this.#own?.close().catch(() => {});
    await this.#store?.close();
  }

  async #open(): Promise<void> {
    const store = await openShelfStore();
    this.#store = store;
    for (const { stream } of this.#peers.values()) if (!stream.destroying) store.cores.replicate(stream);
    for (const [peerKey, peer] of this.#peers) this.#read(peerKey, peer);
  }

  async #write(wanted: ReadonlyMap<string, ModelCard>): Promise<void> {
    if (this.#store === undefined || this.#isOver || (this.#own === undefined && wanted.size === 0)) return;
    const isNew = this.#own === undefined;
    const own = this.#own ?? new Hyperdrive(this.#store.cores.session());
    await own.ready(); // it has no key before that, and is not announced
    this.#own = own;
    for (const sha256 of [...this.#written.keys()].filter((known) => !wanted.has(known))) {
      await own.del(cardPath({ sha256 }));
      this.#written.delete(sha256);
    }
    for (const [sha256, card] of wanted) {
      const bytes = encodeCard(card);
      const text = Buffer.from(bytes).toString('utf8');
      if (this.#written.get(sha256) === text) continue;
      await own.put(cardPath(card), bytes);
      this.#written.set(sha256, text);
    }
    if (isNew) for (const peer of this.#peers.values()) this.#tellShelf(peer);
  }

  #tellShelf(peer: Peer): void {
    if (this.#own?.key === undefined) return;
    const { identity } = this.#options;
    peer.tell(encodeModelsMessage(createShelf(this.#options, Buffer.from(this.#own.key).toString('hex'), identity)));
  }

  #heard(peerKey: string, peer: Peer, bytes: Uint8Array): void {
    const message = decodeModelsMessage(bytes);
    if (message === 'unknown' || this.#peers.get(peerKey) !== peer) return;
    const isGood =
      message !== 'broken' &&
      (message.type === 'wanted' || isGenuineShelf(message, { network: this.#options.network, key: peerKey }));
    if (!isGood) {
      peer.stream.destroy();
      return;
    }
    if (message.type === 'wanted') peer.wants = message.models;
    else if (peer.drive !== message.drive) {
      Object.assign(peer, { drive: message.drive, node: message.node, cards: [], isHeard: false });
      this.#read(peerKey, peer);
    }
    this.#options.changed();
  }

  #read(peerKey: string, peer: Peer): void {
    if (this.#store === undefined || peer.drive === '' || this.#isOver) return;
    peer.reader?.close();
    peer.reader = new ShelfReader(this.#store.cores, Buffer.from(peer.drive, 'hex'), (cards) => {
      if (this.#peers.get(peerKey) !== peer) return;
      peer.cards = cards;
      peer.isHeard = true;
      this.#options.changed();
    });
  }
}
