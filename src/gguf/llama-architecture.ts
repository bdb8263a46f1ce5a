/** Metadata, tensor names and tensor sizes of the llama architecture, for the models that this project writes. */
import { TensorType } from './format.js';
import { float32, float32Bytes, type Metadata, string, type TensorSource, uint32 } from './writer.js';

export interface LlamaShape {
  readonly name: string;
  readonly contextLength: number;
  readonly embeddingLength: number;
  readonly feedForwardLength: number;
  readonly blockCount: number;
  readonly headCount: number;
  readonly headCountKv: number;
  readonly ropeFreqBase: number;
  readonly vocabSize: number;
  /** llama.cpp's number for the file's main tensor type: 0 all F32, 2 mostly Q4_0. */
  readonly fileType: number;
}

export function llamaMetadata(shape: LlamaShape): Metadata {
  return {
    'general.architecture': string('llama'),
    'general.name': string(shape.name),
    'general.file_type': uint32(shape.fileType),
    'general.quantization_version': uint32(2),
    'general.alignment': uint32(32),
    'llama.context_length': uint32(shape.contextLength),
    'llama.embedding_length': uint32(shape.embeddingLength),
    'llama.block_count': uint32(shape.blockCount),
    'llama.feed_forward_length': uint32(shape.feedForwardLength),
    'llama.attention.head_count': uint32(shape.headCount),
    'llama.attention.head_count_kv': uint32(shape.headCountKv),
    'llama.attention.layer_norm_rms_epsilon': float32(1e-6),
    'llama.rope.dimension_count': uint32(shape.embeddingLength / shape.headCount),
    'llama.rope.freq_base': float32(shape.ropeFreqBase),
    'llama.vocab_size': uint32(shape.vocabSize),
  };
}

/** A tensor's name and size. `norm` marks a vector of scales. */
export interface LlamaTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly norm: boolean;
}

/** All tensors of a llama model, in the usual order of files. */
export function llamaTensors(shape: LlamaShape): LlamaTensor[] {
  const { embeddingLength: d, feedForwardLength: ff, vocabSize } = shape;
  const kv = (d / shape.headCount) * shape.headCountKv;
  const matrix = (name: string, inputs: number, outputs: number) => ({ name, dims: [inputs, outputs], norm: false });
  const norm = (name: string) => ({ name, dims: [d], norm: true });
  const block = (index: number): LlamaTensor[] => {
    const prefix = `blk.${index}.`;
    return [
      norm(`${prefix}attn_norm.weight`),
      matrix(`${prefix}attn_q.weight`, d, d),
      matrix(`${prefix}attn_k.weight`, d, kv),
      matrix(`${prefix}attn_v.weight`, d, kv),
      matrix(`${prefix}attn_output.weight`, d, d),
      norm(`${prefix}ffn_norm.weight`),
      matrix(`${prefix}ffn_gate.weight`, d, ff),
      matrix(`${prefix}ffn_up.weight`, d, ff),
      matrix(`${prefix}ffn_down.weight`, ff, d),
    ];
  };
  return [
    matrix('token_embd.weight', d, vocabSize),
    norm('output_norm.weight'),
    matrix('output.weight', d, vocabSize),
    ...Array.from({ length: shape.blockCount }, (_, index) => block(index)).flat(),
  ];
}

/** A dense F32 matrix, initially zero. Rows are outputs (or tokens), columns are inputs (or embedding dimensions). */
export class Matrix {
  readonly values: Float32Array;

  constructor(
    readonly columns: number,
    readonly rows: number,
  ) {
    this.values = new Float32Array(columns * rows);
  }

  set(row: number, column: number, value: number): void {
    this.values[row * this.columns + column] = value;
  }
}

/** The tensors of a handmade model: norms are one, matrices not given are zero. */
export function handmadeTensors(shape: LlamaShape, matrices: Readonly<Record<string, Matrix>>): TensorSource[] {
  return llamaTensors(shape).map(({ name, dims, norm }) => {
    const elements = dims.reduce((product, size) => product * size, 1);
    const given = matrices[name];
    if (given !== undefined && given.values.length !== elements) throw new RangeError(`${name} has another size`);
    const data = (): Iterable<Uint8Array> => [
      float32Bytes(given?.values ?? new Float32Array(elements).fill(norm ? 1 : 0)),
    ];
    return { name, type: TensorType.f32, dims, data };
  });
}
