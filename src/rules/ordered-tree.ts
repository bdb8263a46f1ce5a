/**
 * An immutable sorted collection: an insertion returns a new tree that shares everything but the path to the change
 * with the old one. A weight-balanced binary tree (Adams 1993, with the parameters proved by Hirai and Yamamoto in
 * 2011); subtree sizes also give an item's position. Everything but iteration takes O(log n).
 *
 * Invariants: items are in strictly ascending order; neither side of a node weighs more than `maxRatio` times the
 * other.
 */

interface Node<Item> {
  readonly item: Item;
  readonly size: number;
  readonly left: Node<Item> | undefined;
  readonly right: Node<Item> | undefined;
}
type Tree<Item> = Node<Item> | undefined;

/** Negative if `a` comes before `b`, 0 if they are the same item. */
export type Compare<Key> = (a: Key, b: Key) => number;

/** A side's weight is its size + 1. */
const maxRatio = 3;
/** Decides between a single and a double rotation. */
const singleRatio = 2;

/** `Key` is what items are ordered by: the item itself, or the part of it that `compare` looks at. */
export class OrderedTree<Key, Item extends Key = Key> {
  readonly #compare: Compare<Key>;
  readonly #root: Tree<Item>;

  private constructor(compare: Compare<Key>, root: Tree<Item>) {
    this.#compare = compare;
    this.#root = root;
  }

  static empty<Key, Item extends Key = Key>(compare: Compare<Key>): OrderedTree<Key, Item> {
    return new OrderedTree<Key, Item>(compare, undefined);
  }

  get size(): number {
    return sizeOf(this.#root);
  }

  get first(): Item | undefined {
    let node = this.#root;
    while (node?.left !== undefined) node = node.left;
    return node?.item;
  }

  get last(): Item | undefined {
    let node = this.#root;
    while (node?.right !== undefined) node = node.right;
    return node?.item;
  }

  find(key: Key): Item | undefined {
    let node = this.#root;
    while (node !== undefined) {
      const side = this.#compare(key, node.item);
      if (side === 0) return node.item;
      node = side < 0 ? node.left : node.right;
    }
    return undefined;
  }

  /** How many items come before `key`, whether or not it is in the tree. */
  countBefore(key: Key): number {
    let count = 0;
    let node = this.#root;
    while (node !== undefined) {
      if (this.#compare(key, node.item) <= 0) node = node.left;
      else {
        count += sizeOf(node.left) + 1;
        node = node.right;
      }
    }
    return count;
  }

  /** With `item`, replacing one that compares equal. */
  insert(item: Item): OrderedTree<Key, Item> {
    return new OrderedTree(this.#compare, inserted(this.#root, item, this.#compare));
  }

  /** Without the item that compares equal to `key`; the same tree if there is none. */
  remove(key: Key): OrderedTree<Key, Item> {
    if (this.find(key) === undefined) return this;
    return new OrderedTree(this.#compare, removed(this.#root, key, this.#compare));
  }

  /** In order. */
  *[Symbol.iterator](): Generator<Item, void, undefined> {
    const path: Node<Item>[] = [];
    let node = this.#root;
    for (;;) {
      for (; node !== undefined; node = node.left) path.push(node);
      const next = path.pop();
      if (next === undefined) return;
      yield next.item;
      node = next.right;
    }
  }
}

const sizeOf = (tree: Tree<unknown>): number => tree?.size ?? 0;

const join = <Item>(left: Tree<Item>, item: Item, right: Tree<Item>): Node<Item> => ({
  item,
  size: sizeOf(left) + 1 + sizeOf(right),
  left,
  right,
});

const isHeavier = (a: Tree<unknown>, b: Tree<unknown>, ratio: number): boolean =>
  sizeOf(a) + 1 > ratio * (sizeOf(b) + 1);

/** Like `join`, for sides of which one may be out of balance by one item. */
function balanced<Item>(left: Tree<Item>, item: Item, right: Tree<Item>): Node<Item> {
  if (right !== undefined && isHeavier(right, left, maxRatio)) {
    const { left: inner, right: outer } = right;
    if (inner === undefined || sizeOf(inner) + 1 < singleRatio * (sizeOf(outer) + 1))
      return join(join(left, item, inner), right.item, outer);
    return join(join(left, item, inner.left), inner.item, join(inner.right, right.item, outer));
  }
  if (left !== undefined && isHeavier(left, right, maxRatio)) {
    const { left: outer, right: inner } = left;
    if (inner === undefined || sizeOf(inner) + 1 < singleRatio * (sizeOf(outer) + 1))
      return join(outer, left.item, join(inner, item, right));
    return join(join(outer, left.item, inner.left), inner.item, join(inner.right, item, right));
  }
  return join(left, item, right);
}

function inserted<Key, Item extends Key>(tree: Tree<Item>, item: Item, compare: Compare<Key>): Node<Item> {
  if (tree === undefined) return join(undefined, item, undefined);
  const side = compare(item, tree.item);
  if (side === 0) return { ...tree, item };
  if (side < 0) return balanced(inserted(tree.left, item, compare), tree.item, tree.right);
  return balanced(tree.left, tree.item, inserted(tree.right, item, compare));
}

/** `key` must be in the tree. */
function removed<Key, Item extends Key>(tree: Tree<Item>, key: Key, compare: Compare<Key>): Tree<Item> {
  if (tree === undefined) return undefined;
  const side = compare(key, tree.item);
  if (side < 0) return balanced(removed(tree.left, key, compare), tree.item, tree.right);
  if (side > 0) return balanced(tree.left, tree.item, removed(tree.right, key, compare));
  if (tree.left === undefined) return tree.right;
  if (tree.right === undefined) return tree.left;
  const [next, rest] = withoutFirst(tree.right);
  return balanced(tree.left, next, rest);
}

function withoutFirst<Item>(node: Node<Item>): readonly [Item, Tree<Item>] {
  if (node.left === undefined) return [node.item, node.right];
  const [first, rest] = withoutFirst(node.left);
  return [first, balanced(rest, node.item, node.right)];
}
