/**
 * A set of SHA-256 hashes with a digest for every prefix (docs/ledger.md, Anti-entropy): of at most 16 hashes, SHA-256 of
 * their bytes in order; of more, SHA-256 of the 16 children's digests. It is a tree with 16 branches at each node, whose digests
 * are computed on demand and cached until something below changes: adding, removing and asking take O(log n).
 *
 * Invariant: the digest depends only on the set, not on how it came about.
 */
import { createHash } from 'node:crypto';
import { limits } from '../protocol/limits.js';

const leafSize = limits.maxRangeHashes;
const branches = 16;

/** Few hashes: a bare sorted array, since most nodes of a large set are leaves. */
type Leaf = string[];
interface Branch {
  readonly children: (Node | undefined)[];
  count: number;
  /** Undefined since the last change below. */
  digest: string | undefined;
}
type Node = Leaf | Branch;

export class HashTree {
  #root: Node = [];

  get size(): number {
    return countOf(this.#root);
  }

  /** @param hash 64 lower-case hex characters. @returns false if it was there already. */
  add(hash: string): boolean {
    if (this.has(hash)) return false;
    this.#root = added(this.#root, hash, 0);
    return true;
  }

  /** @returns false if it was not there. */
  remove(hash: string): boolean {
    if (!this.has(hash)) return false;
    this.#root = removed(this.#root, hash, 0);
    return true;
  }

  has(hash: string): boolean {
    const node = this.#find(hash);
    return node !== undefined && isLeaf(node) && node.includes(hash);
  }

  /** How many hashes begin with the prefix. */
  count(prefix: string): number {
    const node = this.#find(prefix);
    if (node === undefined) return 0;
    return isLeaf(node) ? within(node, prefix).length : node.count;
  }

  /** Hex. */
  digest(prefix: string): string {
    const node = this.#find(prefix);
    return digestOf(node !== undefined && isLeaf(node) ? within(node, prefix) : node);
  }

  /** The first hashes with this prefix, in order. */
  hashes(prefix: string, atMost: number): string[] {
    const found: string[] = [];
    collect(this.#find(prefix), prefix, atMost, found);
    return found;
  }

  /** The node with all hashes of the prefix; a leaf may hold others too. */
  #find(prefix: string): Node | undefined {
    let node: Node | undefined = this.#root;
    for (let depth = 0; depth < prefix.length && node !== undefined && !isLeaf(node); depth++)
      node = childOf(node, prefix, depth);
    return node;
  }
}

function added(node: Node | undefined, hash: string, depth: number): Node {
  if (node === undefined) return [hash];
  if (isLeaf(node)) return node.length < leafSize ? inserted(node, hash) : split([...node, hash], depth);
  const digit = digitAt(hash, depth);
  node.children[digit] = added(node.children[digit], hash, depth + 1);
  node.count++;
  node.digest = undefined;
  return node;
}

/** `hash` is in it. A branch left with few hashes becomes a leaf again. */
function removed(node: Node, hash: string, depth: number): Node {
  if (isLeaf(node)) return node.filter((other) => other !== hash);
  const digit = digitAt(hash, depth);
  const child = node.children[digit];
  if (child !== undefined) node.children[digit] = removed(child, hash, depth + 1);
  node.count--;
  node.digest = undefined;
  if (node.count > leafSize) return node;
  const rest: string[] = [];
  collect(node, '', leafSize, rest);
  return rest;
}

function inserted(leaf: Leaf, hash: string): Leaf {
  const after = leaf.findIndex((other) => other > hash);
  leaf.splice(after < 0 ? leaf.length : after, 0, hash);
  return leaf;
}

function split(hashes: readonly string[], depth: number): Node {
  const branch: Branch = { children: Array<Node | undefined>(branches).fill(undefined), count: 0, digest: undefined };
  return hashes.reduce<Node>((grown, hash) => added(grown, hash, depth), branch);
}

function digestOf(node: Node | undefined): string {
  if (node === undefined) return sha256('');
  if (isLeaf(node)) return sha256(node.join(''));
  node.digest ??= sha256(node.children.map(digestOf).join(''));
  return node.digest;
}

function sha256(hex: string): string {
  return createHash('sha256').update(hex, 'hex').digest('hex');
}

function collect(node: Node | undefined, prefix: string, atMost: number, into: string[]): void {
  if (node === undefined || into.length >= atMost) return;
  if (isLeaf(node)) into.push(...within(node, prefix).slice(0, atMost - into.length));
  else for (const child of node.children) collect(child, prefix, atMost, into);
}

const isLeaf = (node: Node): node is Leaf => Array.isArray(node);

const within = (leaf: Leaf, prefix: string): string[] => leaf.filter((hash) => hash.startsWith(prefix));

const countOf = (node: Node): number => (isLeaf(node) ? node.length : node.count);

const childOf = (branch: Branch, hash: string, depth: number): Node | undefined =>
  branch.children[digitAt(hash, depth)];

/** The value of the hex digit at this place. */
function digitAt(hash: string, place: number): number {
  const code = hash.charCodeAt(place);
  return code < 58 ? code - 48 : code - 87;
}
