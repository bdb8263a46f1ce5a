/**
 * The hash tree over a file's blocks, as Hypercore builds it. Kept separate so that hashing threads need not load
 * Hypercore.
 */
import crypto from 'hypercore-crypto';

/**
 * Measured: 1 MiB blocks are half again as fast as 64 KiB over a Noise stream. A block is verified and stored as a
 * whole.
 */
export const blockBytes = 1 << 20;
/** 1 TiB: no model file is larger. */
export const maxBlocks = 1 << 20;

const hashBytes = 32;

export const blockCount = (fileBytes: number): number => Math.ceil(fileBytes / blockBytes);

/** All blocks have the same length except the last. */
export const blockLength = (fileBytes: number, index: number): number =>
  Math.max(0, Math.min(blockBytes, fileBytes - index * blockBytes));

/**
 * All nodes of a tree, packed for transfer between threads: node `i` has `indexes[i]`, `sizes[i]` and 32 bytes of
 * `hashes`.
 */
export interface BlockTree {
  readonly root: Uint8Array;
  readonly blocks: number;
  readonly indexes: Float64Array;
  readonly sizes: Float64Array;
  readonly hashes: Uint8Array;
}

export interface TreeNode {
  readonly index: number;
  readonly size: number;
  readonly hash: Uint8Array;
}

export function* nodesOf(tree: BlockTree): Generator<TreeNode> {
  for (const [i, index] of tree.indexes.entries())
    yield { index, size: tree.sizes[i] ?? 0, hash: tree.hashes.subarray(i * hashBytes, (i + 1) * hashBytes) };
}

/** Builds a tree block by block. */
export class TreeBuilder {
  readonly #nodes: TreeNode[] = [];
  /** Roots of the complete subtrees so far, largest first; no two have the same height. */
  readonly #roots: (TreeNode & { readonly height: number })[] = [];
  #blocks = 0;

  add(block: Uint8Array): void {
    this.#push({ index: 2 * this.#blocks, size: block.byteLength, hash: crypto.data(block), height: 0 });
    this.#blocks++;
    for (;;) {
      const [left, right] = this.#roots.slice(-2);
      if (left === undefined || right === undefined || left.height !== right.height) return;
      this.#roots.length -= 2;
      this.#push({
        index: (left.index + right.index) / 2,
        size: left.size + right.size,
        hash: crypto.parent(left, right),
        height: left.height + 1,
      });
    }
  }

  finish(): BlockTree {
    return {
      root: crypto.tree(this.#roots),
      blocks: this.#blocks,
      indexes: Float64Array.from(this.#nodes, ({ index }) => index),
      sizes: Float64Array.from(this.#nodes, ({ size }) => size),
      hashes: Buffer.concat(this.#nodes.map(({ hash }) => hash)),
    };
  }

  #push(node: TreeNode & { readonly height: number }): void {
    this.#nodes.push(node);
    this.#roots.push(node);
  }
}
