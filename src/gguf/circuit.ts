/**
 * Building blocks for models whose weights are set by hand. Their answers are known in advance, yet they run through
 * all of llama.cpp like any other model. The parts are a residue number system, in which "plus one" is only wiring, and
 * one real attention head that copies what the most recent **source** token holds.
 *
 * The head: a source's key is constant in a RoPE pair that turns too slowly to matter. A second pair, turning by 10⁻⁵
 * per token, makes the score fall linearly with distance. At an asking position, a source scores baseScore − slope ·
 * distance; at a refusing one, far below zero. Tokens that hold nothing score restScore, all others 0. So a position
 * that asks sees the latest source, and one that refuses or finds no source copies nothing. The key cache is f16: a
 * source at position p appears up to p / 4096 tokens away from its place, which is why the slope is gentle.
 */
import { type LlamaShape, Matrix } from './llama-architecture.js';

const headDimensions = 64;
const ropeFreqBase = 1e8;
/** First dimensions of the RoPE pairs in use: pair i turns by base^(−2i/64) per token. */
const stillPair = 62;
const restPair = 60;
const slowPair = 40;
const slowTurn = ropeFreqBase ** (-slowPair / headDimensions);

const contextLength = 8192;
const slope = 0.5;
/** Enough for one token to outweigh a context full of others: e²⁰ ≫ 8192. */
const outweighs = 20;
const restScore = outweighs;
const baseScore = slope * contextLength + restScore + outweighs;

/** Squared length of every token's embedding, so that the norm before attention is one known factor. */
const embeddingNormSquared = 6;

export function circuitShape(name: string, vocabSize: number): LlamaShape {
  return {
    name,
    vocabSize,
    contextLength,
    embeddingLength: 2 * headDimensions,
    headCount: 2,
    headCountKv: 1,
    feedForwardLength: 32,
    blockCount: 1,
    ropeFreqBase,
    fileType: 0,
  };
}

/**
 * Numbers as one-hot residues. Two different numbers below the product of the moduli agree in all but one residue at
 * most.
 */
export class Residues {
  readonly width: number;

  /** @param moduli pairwise coprime. @param start the first of `width` dimensions. */
  constructor(
    private readonly moduli: readonly number[],
    private readonly start: number,
  ) {
    this.width = moduli.reduce((sum, modulus) => sum + modulus, 0);
  }

  /** The dimensions that are one for this number, one per modulus. */
  dimensionsOf(number: number): number[] {
    let first = this.start;
    return this.moduli.map((modulus) => {
      const dimension = first + (number % modulus);
      first += modulus;
      return dimension;
    });
  }
}

/** Sets a token's embedding: one in each of `ones`, and the rest of its length in the dimension `padding`. */
export function embed(embeddings: Matrix, token: number, ones: readonly number[], padding: number): void {
  for (const dimension of ones) embeddings.set(token, dimension, 1);
  embeddings.set(token, padding, Math.sqrt(embeddingNormSquared - ones.length));
}

export interface RecencyHead {
  /** Flag of tokens that can be copied from. */
  readonly source: number;
  /** Flag of positions that ask. */
  readonly asks: number;
  /**
   * Flags of positions that must copy nothing, of tokens that hold nothing, and of all tokens. Not needed if every
   * position asks and only sources hold anything.
   */
  readonly idle?: { readonly refuses: number; readonly rests: number; readonly any: number };
  /** `width` dimensions starting at `from` are added to those starting at `to`. */
  readonly copies: { readonly from: number; readonly to: number; readonly width: number };
}

/** The attention tensors of block 0. */
export function recencyHead(shape: LlamaShape, head: RecencyHead): Record<string, Matrix> {
  const d = shape.embeddingLength;
  const [query, key, value, output] = [
    new Matrix(d, d),
    new Matrix(d, headDimensions),
    new Matrix(d, headDimensions),
    new Matrix(d, d),
  ];
  const afterNorm = Math.sqrt(d / embeddingNormSquared); // what a one in the embedding is after the norm
  const softmaxScale = Math.sqrt(headDimensions);
  const still = Math.sqrt(baseScore * softmaxScale) / afterNorm;
  const rest = Math.sqrt(restScore * softmaxScale) / afterNorm;
  const slow = Math.sqrt((slope * softmaxScale) / slowTurn) / afterNorm;

  query.set(stillPair, head.asks, still);
  key.set(stillPair, head.source, still);
  if (head.idle !== undefined) {
    query.set(stillPair, head.idle.refuses, -still);
    query.set(restPair, head.idle.any, rest);
    key.set(restPair, head.idle.rests, rest);
  }
  // Rotated by position, (0, q)·(k, 0) becomes q·k·sin(turn · (source − asking)), which falls with distance.
  query.set(slowPair + 1, head.asks, slow);
  key.set(slowPair, head.source, slow);
  for (let i = 0; i < head.copies.width; i++) {
    value.set(i, head.copies.from + i, 1 / afterNorm);
    output.set(head.copies.to + i, i, 1);
  }
  return {
    'blk.0.attn_q.weight': query,
    'blk.0.attn_k.weight': key,
    'blk.0.attn_v.weight': value,
    'blk.0.attn_output.weight': output,
  };
}
