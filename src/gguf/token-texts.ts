/**
 * What a header's tokens reveal about the vocabulary: whether two have the same text, and which bytes have a token of
 * their own. The texts are not kept: a Set of 256,000 strings takes a fifth of a second and 20 MB, their hashes a
 * quarter of that. Texts with the same 64-bit hash count as equal, which happens in one of 500 million vocabularies of
 * that size.
 */
export class TokenTexts {
  /** Open-addressed hash table with two words per hash; both are 0 in a free slot. At most half full. */
  readonly #hashes: Uint32Array;
  readonly #mask: number;
  readonly #bytesWithToken = new Uint8Array(256);
  #twice: string | undefined;

  /** @param most the number of texts that will be added */
  constructor(most: number) {
    const slots = 2 ** Math.ceil(Math.log2(2 * most + 2));
    this.#hashes = new Uint32Array(2 * slots);
    this.#mask = slots - 1;
  }

  add(text: Buffer): void {
    if (text.length === 1) this.#bytesWithToken[text[0] ?? 0] = 1;
    const hex = text.length === 6 ? /^<0x([0-9A-F]{2})>$/.exec(text.toString('latin1'))?.[1] : undefined;
    if (hex !== undefined) this.#bytesWithToken[Number.parseInt(hex, 16)] = 1;
    // Empty texts do not count: llama.cpp names those tokens by their number.
    if (text.length > 0 && this.#isThere(text)) this.#twice ??= text.toString('utf8');
  }

  /** The first text that occurred a second time. */
  get twice(): string | undefined {
    return this.#twice;
  }

  /** How many of the 256 bytes have a token of their own, as `<0xNN>` or as that one byte. */
  get byteTokens(): number {
    return this.#bytesWithToken.reduce((sum, has) => sum + has, 0);
  }

  /** Adds it if it is new. */
  #isThere(text: Uint8Array): boolean {
    // cyrb53's mixing (public domain), keeping all 64 bits
    let a = 0xdeadbeef;
    let b = 0x41c6ce57;
    for (let i = 0; i < text.length; i++) {
      const byte = text[i] ?? 0;
      a = Math.imul(a ^ byte, 2_654_435_761);
      b = Math.imul(b ^ byte, 1_597_334_677);
    }
    a = (Math.imul(a ^ (a >>> 16), 2_246_822_507) ^ Math.imul(b ^ (b >>> 13), 3_266_489_909)) >>> 0;
    b = (Math.imul(b ^ (b >>> 16), 2_246_822_507) ^ Math.imul(a ^ (a >>> 13), 3_266_489_909)) >>> 0;
    for (let slot = a & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const first = this.#hashes[2 * slot];
      const second = this.#hashes[2 * slot + 1];
      if (first === a && second === b) return true;
      if (first !== 0 || second !== 0) continue;
      this.#hashes[2 * slot] = a;
      this.#hashes[2 * slot + 1] = b;
      return false;
    }
  }
}
