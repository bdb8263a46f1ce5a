/** The part of hypercore-crypto 3.7 that src/protocol/ uses. The package ships no types. */
declare module 'hypercore-crypto' {
  const crypto: {
    /** ed25519; from the 32-byte seed. */
    keyPair(seed: Uint8Array): { publicKey: Uint8Array; secretKey: Uint8Array };
    sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array;
    /** False, too, for a signature or key of the wrong length, S >= L, and keys of small order. */
    verify(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean;
  };
  export default crypto;
}
