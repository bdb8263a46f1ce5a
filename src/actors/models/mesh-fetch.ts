/**
 * Fetches the blocks of one model from all seeders in parallel into its file.
 *
 *  1. Blocks from an earlier process are kept: the core's database says which ones the file contains.
 *  2. Missing blocks are requested in random order, so that nodes fetching the same model soon have different parts to
 *     exchange instead of requesting them from the seeders (block-choice.ts).
 *  3. Every block is verified against the key on arrival. A peer that sends a bad block is banned, one that sends
 *     nothing is dropped, and both are reported.
 *  4. Requests never exceed the download limit.
 *
 * It ends with one call of `done` or `failed`, or with `cancel`. It never gives up by itself, since there may be no
 * seeders yet: the caller watches `progress` and decides how long to wait.
 */
import type { Peer } from 'hypercore';
import { isStalled, onlySeederStallMs, seederStallMs } from '../../rules/model-fetch.js';
import type { Clock, TimerHandle } from '../../runtime/clock.js';
import { asError } from '../../runtime/errors.js';
import type { Random } from '../../runtime/random.js';
import { blockCount, blockLength } from './block-tree.js';
import { BlockLengthError, DiskError } from './block-file.js';
import { BlockChoice } from './block-choice.js';
import { guardRequests, holdHotswaps } from './core-storage.js';
import type { ModelCore } from './model-core.js';
import type { ModelSwarm } from './model-swarm.js';
import type { Throttle } from './throttle.js';

/**
 * Blocks from which Hypercore may choose for each seeder, which may not have all of them. model-core.ts limits how many
 * are in flight. While nothing arrives, as many again are opened repeatedly: perhaps none of the remaining peers has
 * the open ones.
 */
const openBlocks = 64;
const watchPeriodMs = 1_000;
/**
 * If nothing has arrived for this long, more blocks are opened. If all are open, this many of the last ones are
 * requested from other peers too, repeatedly.
 */
const hurryAfterMs = 2_000;
const hurriedBlocks = 2;

export interface FetchProgress {
  /** In the file and verified. */
  readonly bytes: number;
  readonly seeders: number;
}

export interface MeshFetchEvents {
  progress(now: FetchProgress): void;
  /** A seeder was banned or dropped: its key, and what it did. */
  blamed(peerKey: string, what: 'sent a bad block' | 'stopped sending'): void;
  /** Every block is in the file. */
  done(): void;
  failed(error: Error): void;
}

export interface MeshFetchOptions {
  readonly core: ModelCore;
  readonly swarm: ModelSwarm;
  readonly download: Throttle;
  readonly clock: Clock;
  readonly random: Random;
  readonly stallLimits?: { readonly seederStallMs: number; readonly onlySeederStallMs: number };
}

export function fetchFromMesh(options: MeshFetchOptions, on: MeshFetchEvents): { cancel(): void } {
  const fetch = new MeshFetch(options, on);
  fetch.start();
  return fetch;
}

class MeshFetch {
  readonly #options: MeshFetchOptions;
  readonly #on: MeshFetchEvents;
  readonly #blocks: number;
  /** Not opened yet; taken from the end. */
  #missing: number[] = [];
  /** Opened, and not here yet. */
  readonly #open = new Set<number>();
  #mayBeOpen = openBlocks;
  #bytes = 0;
  #isOver = false;
  /** Prevents a second request loop while one waits for the download limit. */
  #isAsking = false;
  #watch: TimerHandle;
  #lastBlockMs = 0;
  #hurry: ((blocks: number) => void) | undefined;
  readonly #choice: BlockChoice;
  #requests: { stop(): void; lookAgain(): void } | undefined;
  /** When each seeder delivered its last block, or was first seen with open requests. */
  readonly #lastMs = new Map<string, number>();
  #leave: () => void = () => {};

  constructor(options: MeshFetchOptions, on: MeshFetchEvents) {
    this.#options = options;
    this.#on = on;
    this.#blocks = blockCount(options.core.content.bytes);
    this.#choice = new BlockChoice(options.clock, () => options.core.core.peers);
  }

  start(): void {
    this.#prepare().catch((error: unknown) => this.#fail(error));
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.clock.clearTimeout(this.#watch);
    this.#leave();
    this.#requests?.stop();
    const { core } = this.#options.core;
    core.off('append', this.#ask);
    core.off('peer-add', this.#ask);
    core.off('download', this.#downloaded);
    core.off('verification-error', this.#refused);
  }

  async #prepare(): Promise<void> {
    const { core } = this.#options.core;
    for (let index = 0; index < this.#blocks; index++)
      if (core.length > 0 && (await core.has(index))) this.#bytes += this.#lengthOf(index);
      else this.#missing.push(index);
    if (this.#isOver) return;
    shuffle(this.#missing, this.#options.random);
    this.#say();
    if (this.#missing.length === 0) {
      this.#finish();
      return;
    }
    core.on('append', this.#ask);
    core.on('peer-add', this.#ask);
    core.on('download', this.#downloaded);
    core.on('verification-error', this.#refused);
    this.#hurry = holdHotswaps(core);
    this.#requests = guardRequests(core, {
      mayAsk: (peer, index) => this.#isHeldUp || this.#choice.mayAsk(peer, index),
      asked: (peer) => this.#choice.asked(peer),
    });
    this.#leave = this.#options.swarm.fetch(this.#options.core);
    this.#watchSeeders();
    this.#ask();
  }

  /** Nothing can be requested until the first seeder has proven the number of blocks. */
  readonly #ask = (): void => {
    if (this.#isAsking || this.#options.core.core.length === 0) return;
    this.#isAsking = true;
    this.#askAll()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => (this.#isAsking = false));
  };

  async #askAll(): Promise<void> {
    while (!this.#isOver && this.#open.size < this.#mayBeOpen) {
      const index = this.#choice.next(this.#missing, this.#open);
      if (index === undefined) return;
      this.#open.add(index);
      await this.#options.download.take(this.#lengthOf(index));
      void this.#get(index);
    }
  }

  async #get(index: number): Promise<void> {
    try {
      await this.#options.core.core.download({ blocks: [index] }).done();
    } catch (error) {
      if (!this.#isOver) this.#fail(error);
      return;
    }
    this.#arrived(index);
  }

  /**
   * Called for the downloaded block itself and by its request: Hypercore examines only 64 of the open requests and may
   * miss the latter.
   */
  #arrived(index: number): void {
    if (this.#isOver || !this.#open.delete(index)) return;
    this.#lastBlockMs = this.#options.clock.monotonicMs();
    this.#bytes += this.#lengthOf(index);
    this.#say();
    if (this.#open.size === 0 && this.#missing.length === 0) this.#finish();
    else this.#ask();
  }

  readonly #downloaded = (index: number, _bytes: number, peer: Peer): void => {
    this.#lastMs.set(keyOfPeer(peer), this.#options.clock.monotonicMs());
    this.#choice.brought(peer);
    this.#arrived(index);
  };

  /** Hypercore has found that the block does not belong to the file, or could not write it. */
  readonly #refused = (error: Error, _request: unknown, _answer: unknown, peer: Peer): void => {
    if (error instanceof DiskError) this.#fail(error);
    else if (error instanceof BlockLengthError) this.#fail(new Error('the model that is offered was not cut as QMesh cuts models'));
    else this.#blame(keyOfPeer(peer), 'sent a bad block');
  };

  #watchSeeders(): void {
    const { clock } = this.#options;
    this.#watch = clock.setTimeout(() => this.#watchSeeders(), watchPeriodMs);
    const { peers } = this.#options.core.core;
    const nowMs = clock.monotonicMs();
    if (this.#isHeldUp) this.#askForMore();
    this.#requests?.lookAgain();
    const keys = new Set(peers.map(keyOfPeer));
    for (const key of this.#lastMs.keys()) if (!keys.has(key)) this.#lastMs.delete(key);
    for (const peer of peers) {
      const key = keyOfPeer(peer);
      const lastMs = this.#lastMs.get(key);
      if (peer.inflight === 0 || lastMs === undefined) this.#lastMs.set(key, nowMs);
      else if (
        isStalled(
          { open: peer.inflight, silentMs: nowMs - lastMs, isOnlyOne: peers.length === 1 },
          this.#options.stallLimits ?? { seederStallMs, onlySeederStallMs },
        )
      )
        this.#blame(key, 'stopped sending');
    }
  }

  get #isHeldUp(): boolean {
    return this.#options.clock.monotonicMs() - this.#lastBlockMs > hurryAfterMs;
  }

  #askForMore(): void {
    if (this.#missing.length === 0) {
      this.#hurry?.(hurriedBlocks);
    } else if (this.#open.size >= this.#mayBeOpen) {
      this.#mayBeOpen += openBlocks;
      this.#ask();
    }
  }

  #blame(peerKey: string, what: 'sent a bad block' | 'stopped sending'): void {
    if (what === 'sent a bad block') this.#options.swarm.ban(peerKey);
    else this.#options.swarm.drop(peerKey);
    this.#lastMs.delete(peerKey);
    this.#on.blamed(peerKey, what);
  }

  #say(): void {
    this.#on.progress({ bytes: this.#bytes, seeders: this.#options.core.core.peers.length });
  }

  #finish(): void {
    this.cancel();
    this.#on.done();
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.cancel();
    this.#on.failed(asError(error));
  }

  #lengthOf(index: number): number {
    return blockLength(this.#options.core.content.bytes, index);
  }
}

const keyOfPeer = (peer: Peer): string => Buffer.from(peer.remotePublicKey).toString('hex');

function shuffle(list: number[], random: Random): void {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random.next() * (i + 1));
    [list[i], list[j]] = [list[j] ?? 0, list[i] ?? 0];
  }
}
