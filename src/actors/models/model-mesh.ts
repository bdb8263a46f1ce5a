/**
 * A process on the models network: its swarm, its shelf and those of the others, and what it has learnt about them. Whoever holds the
 * connections gives it each one.
 */
import type { NoiseStream } from 'hyperswarm';
import type { ModelCard } from '../../protocol/model-card.js';
import { maxWanted } from '../../protocol/models-messages.js';
import { BoundedMap } from '../../runtime/bounded-map.js';
import type { Clock } from '../../runtime/clock.js';
import { createModelSwarm, type ModelSwarm } from './model-swarm.js';
import { Shelves, type Offer, type ShelvesOptions } from './shelves.js';

/** Files that were fetched and turned out to be no good, by SHA-256. The oldest is forgotten. */
const maxRefused = 1_000;
/** How long a shelf may take to be closed. */
const closeMs = 3_000;

export interface ModelMeshOptions extends Omit<ShelvesOptions, 'changed'> {
  readonly clock: Clock;
  /** Node IDs, or keys on the models network; models are fetched from these only. Empty: from anybody. */
  readonly trusted: readonly string[];
}

/** Who is there of those whom models are taken from. */
export interface MeshView {
  readonly peers: number;
  /** Names, each once. */
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

  /** Of those whom models are taken from, without what has been refused. */
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

  /** Whoever was found when it joined is connected, or cannot be reached. */
  looked(): void {
    this.#hasLooked = true;
  }

  /** All who were found have told what they offer: another answer can only come with somebody new. */
  get isHeard(): boolean {
    return this.#hasLooked && this.shelves.areHeard;
  }

  /** By the key that it connects with, or by the ID that its shelf proves. */
  #isTrusted(peerKey: string): boolean {
    const node = this.shelves.nodeOf(peerKey);
    return this.#trusted.size === 0 || this.#trusted.has(peerKey) || (node !== undefined && this.#trusted.has(node));
  }

  /** It arrived as it was offered, and is no model that may be served: it is not fetched again, and who offers it is kept out. */
  refuse(sha256: string): void {
    this.#refused.set(sha256, true);
    for (const { peerKey, card } of this.shelves.offers) if (card.sha256 === sha256) this.swarm.ban(peerKey);
  }

  /** Tells everybody that this node looks for it. @returns what takes that back. */
  want(model: string): () => void {
    this.#wanted.push(model);
    const tell = (): void => this.shelves.want([...new Set(this.#wanted)].slice(0, maxWanted));
    tell();
    return () => {
      this.#wanted.splice(this.#wanted.indexOf(model), 1);
      tell();
    };
  }

  /** Puts a card on this node's shelf. @returns what takes it away. */
  offer(card: ModelCard): () => void {
    this.#cards.add(card);
    this.shelves.offer([...this.#cards]);
    return () => {
      this.#cards.delete(card);
      this.shelves.offer([...this.#cards]);
    };
  }

  /** Never rejects, and never takes long: what is left of a shelf is worth nothing. */
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
