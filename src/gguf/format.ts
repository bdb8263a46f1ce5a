/**
 * The GGUF file format, version 3, as far as this project reads and writes it. Source: the GGUF specification in ggml's
 * `docs/gguf.md`; block sizes from ggml's type table. All numbers are little-endian.
 *
 *     magic "GGUF" · u32 version · u64 tensor count · u64 metadata count
 *     metadata: { string key, u32 type, value }…
 *       (strings are u64 length + UTF-8; arrays are u32 type + u64 length + items)
 *     tensor infos: { string name, u32 dimensions, u64 size…, u32 type, u64 offset }…
 *     padding to the alignment, then tensor data; offsets are relative to the start of that data
 */

export const ggufMagic = 'GGUF';
export const ggufVersion = 3;
export const defaultAlignment = 32;

/** Types of metadata values. */
export const ValueType = {
  uint8: 0,
  int8: 1,
  uint16: 2,
  int16: 3,
  uint32: 4,
  int32: 5,
  float32: 6,
  bool: 7,
  string: 8,
  array: 9,
  uint64: 10,
  int64: 11,
  float64: 12,
} as const;
export type ValueType = (typeof ValueType)[keyof typeof ValueType];

/** Tensor types that this project writes. */
export const TensorType = { f32: 0, f16: 1, q4_0: 2, q8_0: 8 } as const;

/** How a tensor type is stored: `bytes` hold `elements` neighbours along the first dimension. */
export interface TensorLayout {
  readonly name: string;
  readonly elements: number;
  readonly bytes: number;
}

/** All of llama.cpp's tensor types, by number. Gaps are types that were removed. */
export const tensorLayouts: ReadonlyMap<number, TensorLayout> = new Map(
  (
    [
      [0, 'F32', 1, 4],
      [1, 'F16', 1, 2],
      [2, 'Q4_0', 32, 18],
      [3, 'Q4_1', 32, 20],
      [6, 'Q5_0', 32, 22],
      [7, 'Q5_1', 32, 24],
      [8, 'Q8_0', 32, 34],
      [9, 'Q8_1', 32, 36],
      [10, 'Q2_K', 256, 84],
      [11, 'Q3_K', 256, 110],
      [12, 'Q4_K', 256, 144],
      [13, 'Q5_K', 256, 176],
      [14, 'Q6_K', 256, 210],
      [15, 'Q8_K', 256, 292],
      [16, 'IQ2_XXS', 256, 66],
      [17, 'IQ2_XS', 256, 74],
      [18, 'IQ3_XXS', 256, 98],
      [19, 'IQ1_S', 256, 50],
      [20, 'IQ4_NL', 32, 18],
      [21, 'IQ3_S', 256, 110],
      [22, 'IQ2_S', 256, 82],
      [23, 'IQ4_XS', 256, 136],
      [24, 'I8', 1, 1],
      [25, 'I16', 1, 2],
      [26, 'I32', 1, 4],
      [27, 'I64', 1, 8],
      [28, 'F64', 1, 8],
      [29, 'IQ1_M', 256, 56],
      [30, 'BF16', 1, 2],
      [34, 'TQ1_0', 256, 54],
      [35, 'TQ2_0', 256, 66],
      [39, 'MXFP4', 32, 17],
      [40, 'NVFP4', 64, 36],
      [41, 'Q1_0', 128, 18],
      [42, 'Q2_0', 64, 18],
    ] as const
  ).map(([type, name, elements, bytes]) => [type, { name, elements, bytes }]),
);

/** Token types in `tokenizer.ggml.token_type`. */
export const TokenType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** Bytes of a tensor's data, without padding. The first dimension must be a multiple of the block size. */
export function tensorBytes(layout: TensorLayout, dims: readonly number[]): number {
  return (dims.reduce((product, size) => product * size, 1) / layout.elements) * layout.bytes;
}

/** `offset` rounded up to the next multiple of `alignment`. */
export function alignUp(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment;
}
