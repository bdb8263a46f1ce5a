/** Offers models that are on this disk to the mesh: each is hashed in a thread, its core is planted, and its card goes on the shelf. */
import { basename } from 'node:path';
import { inspectGguf } from '../../gguf/inspect.js';
import { maxCards, type ModelCard } from '../../protocol/model-card.js';
import { openSeed, type ModelCore } from './model-core.js';
import type { ModelSwarm } from './model-swarm.js';
import type { BlocksRead } from './read-blocks.js';
import type { Shelves } from './shelves.js';
import type { Throttle } from './throttle.js';

export interface ShareOptions {
  /** Where each core has its folder. */
  readonly coresFolder: string;
  readonly swarm: ModelSwarm;
  readonly shelves: Shelves;
  readonly upload: Throttle;
  /** In a thread. */
  readonly readBlocks: (path: string) => Promise<BlocksRead>;
}

export interface ShareEvents {
  shared(card: ModelCard): void;
  /** It is not offered. */
  refused(path: string, reason: string): void;
  /** A block went out. */
  sent(bytes: number): void;
}

/** One after the other; each is offered as soon as it is ready. @returns what ends it. */
export async function shareModels(
  paths: readonly string[],
  { coresFolder, swarm, shelves, upload, readBlocks }: ShareOptions,
  on: ShareEvents,
): Promise<() => Promise<void>> {
  const cores: ModelCore[] = [];
  const cards: ModelCard[] = [];
  for (const path of paths.slice(0, maxCards)) {
    try {
      await inspectGguf(path);
      const core = await openSeed(coresFolder, path, await readBlocks(path), upload);
      core.core.on('upload', (_index: number, bytes: number) => on.sent(bytes));
      cores.push(core);
      swarm.share(core);
      const card = { name: basename(path).replace(/\.gguf$/i, '').toLowerCase(), ...core.content };
      cards.push(card);
      shelves.offer(cards);
      on.shared(card);
    } catch (error) {
      on.refused(path, error instanceof Error ? error.message : String(error));
    }
  }
  return async () => {
    shelves.offer([]);
    await Promise.all(cores.map((core) => core.close()));
  };
}
