/** Estimates how much memory a model needs before it is loaded. */
import type { GgufInfo } from './inspect.js';

const f16Bytes = 2;
const f32Bytes = 4;
/** Tokens that llama.cpp evaluates at once (`n_ubatch`). */
const batchTokens = 512;
/**
 * The engine process itself: Node, the binding, the vocabulary. Measured: 116 MiB with the demo model and four slots
 * loaded.
 */
const processBytes = 128 * 2 ** 20;
/**
 * Activations of a block that are live at the same time, in embedding widths: residual, norm, queries, attention
 * output.
 */
const liveEmbeddings = 4;

export interface ContextPlan {
  /** Tokens per sequence. */
  readonly contextSize: number;
  readonly sequences: number;
}

export interface ModelMemory {
  /** Weights, work space and process. */
  readonly fixedBytes: number;
  /** Of the key-value cache, per token of each sequence. */
  readonly bytesPerToken: number;
}

export function estimateMemoryBytes(info: GgufInfo, { contextSize, sequences }: ContextPlan): number {
  const { fixedBytes, bytesPerToken } = memoryOf(info);
  return fixedBytes + contextSize * sequences * bytesPerToken;
}

/**
 * Weights + key-value cache + work space + process, in bytes.
 *
 * - Weights: all tensors at their size in the file (llama.cpp keeps their types). If it repacks them for the CPU, the
 *   mapped file stays resident next to the copy until the system reclaims its pages; these are not counted.
 * - Key-value cache, f16: per token of each sequence and per block, `heads_kv · (key length + value length)` numbers
 *   (llama.cpp, `llama-kv-cache.cpp`; sliding windows are ignored, so this is an upper bound for models that have
 *   them).
 * - Work space: llama.cpp reserves a graph for batchTokens tokens, all with logits, in f32.
 */
export function memoryOf(info: GgufInfo): ModelMemory {
  const blocks = info.blockCount ?? 0;
  const headsKv = info.headCountKv ?? info.headCount ?? 0;
  const headsOfAllBlocks =
    typeof headsKv === 'number' ? headsKv * blocks : headsKv.reduce((sum, heads) => sum + heads, 0);
  const numbersPerToken = headsOfAllBlocks * ((info.keyLength ?? 0) + (info.valueLength ?? 0));
  const workPerToken =
    info.vocabSize + liveEmbeddings * (info.embeddingLength ?? 0) + 2 * (info.feedForwardLength ?? 0);
  return {
    fixedBytes: Math.ceil(info.tensorBytes + batchTokens * workPerToken * f32Bytes + processBytes),
    bytesPerToken: numbersPerToken * f16Bytes,
  };
}
