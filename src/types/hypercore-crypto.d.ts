/** The part of hypercore-crypto 3.7 that src/ uses. The package ships no types. */
declare module 'hypercore-crypto' {
  /**
   * A node of the tree over a core's blocks: a block at an even index, the hash of the two nodes below it at an odd
   * one.
   */
  interface TreeNode {
    readonly index: number;
    /** Bytes of all blocks below it. */
    readonly size: number;
    readonly hash: Uint8Array;
  }

  const crypto: {
    /** ed25519, from the 32-byte seed. */
    keyPair(seed: Uint8Array): { publicKey: Uint8Array; secretKey: Uint8Array };
    sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array;
    /** Also false for a signature or key of the wrong length, S >= L, and keys of small order. */
    verify(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean;
    /** BLAKE2b-256 of a core's block, of two neighbours in its tree, and of the tree's roots. */
    data(block: Uint8Array): Uint8Array;
    parent(left: TreeNode, right: TreeNode): Uint8Array;
    tree(roots: readonly TreeNode[]): Uint8Array;
  };
  export default crypto;
}
