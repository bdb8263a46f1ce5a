/**
 * This process on the models network: its swarm, its own shelf and those of others, and what it has learnt about them.
 * The owner of the connections passes each one in.
 */
import type { NoiseStream } from 'hyperswarm';
import type { ModelCard } from '../../protocol/model-card.js';
import { maxWanted } from '../../protocol/models-messages.js';
import { BoundedMap } from '../../runtime/bounded-map.js';
import type { Clock } from '../../runtime/clock.js';
import { createModelSwarm, type ModelSwarm } from './model-swarm.js';
import { Shelves, type Offer, type ShelvesOptions } from './shelves.js';

/** Fetched files that proved unusable, by SHA-256. The oldest are dropped. */
const maxRefused = 1_000;
/** How long closing a shelf may take. */
const closeMs = 3_000;

export interface ModelMeshOptions extends Omit<ShelvesOptions, 'changed'> {
  readonly clock: Clock;
  /** Node IDs, or keys on the models network. Models are fetched only from these; if empty, from anyone. */
  readonly trusted: readonly string[];
}

/** The peers that models may be fetched from. */
export interface MeshView {
  readonly peers: number;
  /** Names, without duplicates. */
  readonly offered: readonly string[];
}

export class ModelMesh {
  readonly swarm: ModelSwarm;
  readonly shelves: Shelves;
  readonly #clock: Clock;
  readonly #trusted: ReadonlySet<string>;
  readonly #refused = new BoundedMap<string, true>(maxRefused);
  readonly #wanted: string[] = [];
  readonly #cards = new Set<ModelCard>();
  #hasLooked = false;

  constructor(options: ModelMeshOptions) {
    this.swarm = createModelSwarm({ clock: options.clock, mayBring: (peerKey) => this.#isTrusted(peerKey) });
    this.shelves = new Shelves({ ...options, changed: () => this.swarm.reconsider() });
    this.#clock = options.clock;
    this.#trusted = new Set(options.trusted);
  }

  attach(stream: NoiseStream): void {
    this.swarm.attach(stream);
    if (!stream.destroying) this.shelves.attach(stream);
  }

  /** Offers of the peers that models may be fetched from, without refused files. */
  get offers(): readonly Offer[] {
    return this.shelves.offers.filter(
      ({ peerKey, card }) => this.#isTrusted(peerKey) && !this.#refused.has(card.sha256),
    );
  }

  get view(): MeshView {
    return {
      peers: [...this.swarm.peers].filter((peerKey) => this.#isTrusted(peerKey)).length,
      offered: [...new Set(this.offers.map(({ card }) => card.name))],
    };
  }

  /** Every peer found while joining is now connected, or unreachable. */
  looked(): void {
    this.#hasLooked = true;
  }

  /** All peers found so far have said what they offer: only a new peer can change the answer. */
  get isHeard(): boolean {
    return this.#hasLooked && this.shelves.areHeard;
  }

  /** By the key it connects with, or by the node ID that its shelf proves. */
  #isTrusted(peerKey: string): boolean {
    const node = this.shelves.nodeOf(peerKey);
    return this.#trusted.size === 0 || this.#trusted.has(peerKey) || (node !== undefined && this.#trusted.has(node));
  }

  /**
   * The file is what was offered, but is not a model that may be served. It is not fetched again, and peers that offer
   * it are banned.
   */
  refuse(sha256: string): void {
    this.#refused.set(sha256, true);
    for (const { peerKey, card } of this.shelves.offers) if (card.sha256 === sha256) this.swarm.ban(peerKey);
  }

  /**
   * Tells all peers that this node wants a model.
   * @returns a function that withdraws it
   */
  want(model: string): () => void {
    this.#wanted.push(model);
    const tell = (): void => this.shelves.want([...new Set(this.#wanted)].slice(0, maxWanted));
    tell();
    return () => {
      this.#wanted.splice(this.#wanted.indexOf(model), 1);
      tell();
    };
  }

  /**
   * Puts a card on this node's shelf.
   * @returns a function that removes it
   */
  offer(card: ModelCard): () => void {
    this.#cards.add(card);
    this.shelves.offer([...this.#cards]);
    return () => {
      this.#cards.delete(card);
      this.shelves.offer([...this.#cards]);
    };
  }

  /** Never rejects, and does not wait long: the rest of a shelf is worth nothing. */
  close(): Promise<void> {
    this.swarm.close();
    return new Promise((resolve) => {
      const timer = this.#clock.setTimeout(resolve, closeMs);
      void this.shelves.close().then(() => {
        this.#clock.clearTimeout(timer);
        resolve();
      });
    });
  }
}
