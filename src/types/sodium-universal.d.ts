/** The part of sodium-universal that src/protocol/ uses. The package ships no types. */
declare module 'sodium-universal' {
  const sodium: {
    /** BLAKE2b of `input` into `output`, keyed. */
    crypto_generichash(output: Uint8Array, input: Uint8Array, key: Uint8Array): void;
  };
  export default sodium;
}
