/** Offers one model of this disk to the mesh: its core is opened over the file, and its card goes on the shelf. */
import { basename } from 'node:path';
import type { Peer } from 'hypercore';
import type { CatalogEntry } from '../../gguf/catalog.js';
import { inspectGguf } from '../../gguf/inspect.js';
import { estimateMemoryBytes } from '../../gguf/memory.js';
import { partOf } from '../../gguf/split.js';
import type { ModelCard } from '../../protocol/model-card.js';
import type { ModelContent } from '../../protocol/model-content.js';
import type { BlockTree } from './block-tree.js';
import { openSeed } from './model-core.js';
import type { ModelMesh } from './model-mesh.js';
import type { Throttle } from './throttle.js';

/** What a card says of its memory is for this. */
const usualPlan = { contextSize: 4_096, sequences: 1 };

export interface ShareOptions {
  /** Where each core has its folder. */
  readonly coresFolder: string;
  readonly mesh: ModelMesh;
  readonly upload: Throttle;
  readonly catalog: readonly CatalogEntry[];
  /** Of a file's blocks, where it is not known from an earlier time. */
  readonly readTree: (path: string) => Promise<BlockTree>;
  /** A peer has received a block. */
  readonly sent?: (bytes: number) => void;
}

export interface SharedModel {
  readonly card: ModelCard;
  /** Takes it back. Never rejects. */
  close(): Promise<void>;
}

/** Rejects where it cannot be offered. */
export async function shareModel(
  path: string,
  content: ModelContent,
  { coresFolder, mesh, upload, catalog, readTree, sent }: ShareOptions,
): Promise<SharedModel> {
  if (partOf(basename(path)) !== undefined) throw new Error('it lies in several files, and only models of one file are offered');
  const info = await inspectGguf(path);
  const seed = await openSeed(coresFolder, path, content, () => readTree(path), upload);
  if (sent !== undefined)
    seed.core.on('upload', (_index: number, bytes: number, { stream }: Peer) => {
      // Said before the block is written to the stream. What a peer that is gone has not acknowledged was never sent.
      void stream.flush().then((isThere) => isThere && sent(bytes));
    });
  const entry = catalog.find(({ sha256 }) => sha256 === content.sha256);
  const card: ModelCard = {
    name: nameOf(path),
    ...content,
    key: seed.key,
    ...(info.contextLength === undefined ? {} : { contextSize: info.contextLength }),
    memoryBytes: estimateMemoryBytes(info, usualPlan),
    ...(entry === undefined ? {} : { licence: entry.licence, source: entry.uri }),
  };
  const unshare = mesh.swarm.share(seed);
  const takeBack = mesh.offer(card);
  return {
    card,
    close() {
      takeBack();
      unshare();
      return seed.close();
    },
  };
}

/** As people ask for it. What else stands in a file's name, no card can say. */
const nameOf = (path: string): string =>
  basename(path)
    .replace(/\.gguf$/i, '')
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '') || 'model';
