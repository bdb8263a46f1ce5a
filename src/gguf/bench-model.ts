/**
 * Models with the shapes of real ones and random Q4_0 weights. They compute exactly as much as a real model of that
 * shape, and generate nonsense. Deterministic for a given seed; streamed to disk.
 */
import { createCipheriv } from 'node:crypto';
import { TensorType } from './format.js';
import { type LlamaShape, llamaMetadata, llamaTensors } from './llama-architecture.js';
import { buildVocabulary, TokenId } from './vocabulary.js';
import { float32Bytes, type GgufContent, type TensorSource } from './writer.js';

export type BenchShape = 'tiny' | '0.5b' | '1b';

/** 0.5b has the shape of Qwen2.5-0.5B with a vocabulary of 32,000, 1b that of Llama-3.2-1B; tiny is for smoke tests. */
const shapes: Readonly<Record<BenchShape, Omit<LlamaShape, 'name' | 'contextLength' | 'ropeFreqBase' | 'fileType'>>> = {
  tiny: { embeddingLength: 128, feedForwardLength: 256, blockCount: 2, headCount: 2, headCountKv: 1, vocabSize: 2048 },
  '0.5b': {
    embeddingLength: 896,
    feedForwardLength: 4864,
    blockCount: 24,
    headCount: 14,
    headCountKv: 2,
    vocabSize: 32_000,
  },
  '1b': {
    embeddingLength: 2048,
    feedForwardLength: 8192,
    blockCount: 16,
    headCount: 32,
    headCountKv: 8,
    vocabSize: 32_000,
  },
};

const contextLength = 8192;
const mostlyQ4 = 2;
const q4Block = { elements: 32, bytes: 18 };
/** Standard deviation of Q4_0's sixteen levels −8 … 7 if all are equally likely. */
const levelDeviation = 4.61;
/** Size of a chunk to write; a whole number of blocks. */
const chunkBytes = q4Block.bytes * 65_536;

/** Tokens that are never generated, so that greedy decoding continues until it is stopped: their rows are zero. */
const silentTokens = [TokenId.unknown, TokenId.bos, TokenId.eos, TokenId.imStart, TokenId.imEnd];

/** @param seed 0 … 2³² − 1; equal seeds give equal files */
export function benchModel(size: BenchShape, seed = 1): GgufContent {
  const dimensions = shapes[size];
  const words = Array.from({ length: dimensions.vocabSize - TokenId.imEnd - 1 }, (_, i) => `\u2581w${i.toString(36)}`);
  const vocabulary = buildVocabulary(words, 'normal');
  const shape: LlamaShape = {
    ...dimensions,
    name: `qmesh-bench-${size}`,
    contextLength,
    ropeFreqBase: 10_000,
    fileType: mostlyQ4,
  };
  const tensors = llamaTensors(shape).map(({ name, dims, norm }, index): TensorSource => {
    const [inputs = 0, outputs = 1] = dims;
    if (norm) return { name, dims, type: TensorType.f32, data: () => [float32Bytes(new Float32Array(inputs).fill(1))] };
    const silentRows = name === 'output.weight' ? silentTokens : [];
    return { name, dims, type: TensorType.q4_0, data: () => randomQ4(inputs, outputs, seed, index, silentRows) };
  });
  return { metadata: { ...llamaMetadata(shape), ...vocabulary.metadata }, tensors };
}

/** Random blocks with a scale that keeps activations near one; `silentRows` are zero. */
function* randomQ4(
  inputs: number,
  outputs: number,
  seed: number,
  stream: number,
  silentRows: readonly number[],
): Iterable<Uint8Array> {
  const key = Buffer.alloc(16);
  key.writeUInt32LE(seed, 0);
  key.writeUInt32LE(stream, 4);
  const generator = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
  const scale = halfFloat(1 / (Math.sqrt(inputs) * levelDeviation));
  const rowBytes = (inputs / q4Block.elements) * q4Block.bytes;
  const total = rowBytes * outputs;
  const zeros = Buffer.alloc(chunkBytes);
  for (let start = 0; start < total; start += chunkBytes) {
    const chunk = generator.update(zeros.subarray(0, Math.min(chunkBytes, total - start)));
    for (let block = 0; block < chunk.length; block += q4Block.bytes) chunk.writeUInt16LE(scale, block);
    for (const row of silentRows)
      chunk.fill(0, clamp(row * rowBytes - start, chunk), clamp((row + 1) * rowBytes - start, chunk));
    yield chunk;
  }
}

const clamp = (offset: number, chunk: Uint8Array): number => Math.max(0, Math.min(chunk.length, offset));

/** IEEE 754 binary16 of a number between 2⁻¹⁴ and 65,504, with a truncated fraction. */
function halfFloat(value: number): number {
  const bits = Buffer.alloc(4);
  bits.writeFloatBE(value);
  const float = bits.readUInt32BE();
  return (((float >>> 23) - 127 + 15) << 10) | ((float >>> 13) & 0x3ff);
}
