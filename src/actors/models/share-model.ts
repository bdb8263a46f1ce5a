/** Shares one model of this disk with the mesh: opens a core over its file and puts its card on the shelf. */
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

/** The plan for which a card states the memory needed. */
const usualPlan = { contextSize: 4_096, sequences: 1 };

export interface ShareOptions {
  /** Contains one folder per core. */
  readonly coresFolder: string;
  readonly mesh: ModelMesh;
  readonly upload: Throttle;
  readonly catalog: readonly CatalogEntry[];
  /** Computes the hash tree of a file, if it is not stored yet. */
  readonly readTree: (path: string) => Promise<BlockTree>;
  /** A peer has received a block. */
  readonly sent?: (bytes: number) => void;
}

export interface SharedModel {
  readonly card: ModelCard;
  /** Stops sharing it. Never rejects. */
  close(): Promise<void>;
}

/** Rejects if it cannot be shared. */
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
      // Emitted before the block is written to the stream, hence the flush. It resolves to true when the peer has
      // acknowledged the // block, but also if the stream dies after UDX accepted it (see block-stream.ts): such a
      // block is counted as sent.
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

/** The name as people ask for it. Other characters of the file name are not allowed on a card. */
const nameOf = (path: string): string =>
  basename(path)
    .replace(/\.gguf$/i, '')
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '') || 'model';
