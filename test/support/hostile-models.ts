/**
 * Damaged and hostile model files, each a small llama model with one thing wrong, and what must happen to it. Some
 * twenty of them abort a process that passes them to llama.cpp unread.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GgufErrorCode } from '../../src/gguf/error.js';
import { TensorType, ValueType } from '../../src/gguf/format.js';
import { type LlamaShape, llamaMetadata, llamaTensors } from '../../src/gguf/llama-architecture.js';
import { buildVocabulary } from '../../src/gguf/vocabulary.js';
import {
  encodeHeader,
  float32,
  float32Bytes,
  float32s,
  type GgufContent,
  int32s,
  type Metadata,
  string,
  strings,
  type TensorSource,
  uint32,
} from '../../src/gguf/writer.js';

export interface HostileModel {
  readonly name: string;
  readonly path: string;
  /**
   * `reader`: inspectGguf refuses it, with `code`. `engine`: inspectGguf accepts it, and llama.cpp refuses it without
   * dying (with `checkTensors`). `served`: it works like any other model, as long as nobody executes its chat template.
   */
  readonly refusedBy: 'reader' | 'engine' | 'served';
  readonly code?: GgufErrorCode;
}

const vocabulary = buildVocabulary(['aa', ' bb']);
const shape: LlamaShape = {
  name: 'hostile',
  contextLength: 2048,
  embeddingLength: 64,
  feedForwardLength: 64,
  blockCount: 1,
  headCount: 1,
  headCountKv: 1,
  ropeFreqBase: 10_000,
  vocabSize: vocabulary.tokens.length,
  fileType: 0,
};

/** The sound model that all others are made from. */
export function soundModel(): GgufContent {
  const wave = (elements: number): Float32Array =>
    Float32Array.from({ length: elements }, (_, i) => Math.sin(i * 12.9898) / 10);
  const tensors = llamaTensors(shape).map(({ name, dims }): TensorSource => {
    const elements = dims.reduce((product, size) => product * size, 1);
    return { name, dims, type: TensorType.f32, data: () => [float32Bytes(wave(elements))] };
  });
  return { metadata: { ...llamaMetadata(shape), ...vocabulary.metadata }, tensors };
}

/** The whole file in memory. */
export function encodeGguf(content: GgufContent): Buffer {
  return Buffer.concat([encodeHeader(content), ...content.tensors.flatMap(({ data }) => [...data()])]);
}

type Case = readonly [name: string, verdict: GgufErrorCode | 'engine' | 'served', bytes: () => Buffer];

/** Changes metadata entries; `undefined` removes one. */
const meta =
  (changes: Readonly<Record<string, Metadata[string] | undefined>>): (() => Buffer) =>
  () => {
    const { metadata, tensors } = soundModel();
    const entries = Object.entries({ ...metadata, ...changes }).filter(([, value]) => value !== undefined);
    return encodeGguf({ metadata: Object.fromEntries(entries) as Metadata, tensors });
  };

const tensors =
  (change: (tensors: readonly TensorSource[]) => readonly TensorSource[]): (() => Buffer) =>
  () => {
    const sound = soundModel();
    return encodeGguf({ ...sound, tensors: change(sound.tensors) });
  };

const patch =
  (change: (bytes: Buffer) => unknown): (() => Buffer) =>
  () => {
    const bytes = encodeGguf(soundModel());
    change(bytes);
    return bytes;
  };

const cut =
  (length: (whole: number) => number): (() => Buffer) =>
  () => {
    const bytes = encodeGguf(soundModel());
    return bytes.subarray(0, length(bytes.length));
  };

/** Where the value of a metadata entry, or what follows a tensor's name, begins. */
const after = (bytes: Buffer, text: string): number => bytes.indexOf(text) + text.length;
const lastTensor = 'blk.0.ffn_down.weight';
/** Bytes after a matrix's name: u32 dimensions, two u64 sizes, u32 type, u64 offset. */
const [firstSize, typeAt, offsetAt] = [4, 20, 24];

const hugeNumber = 0xffff_ffff_ffffn;
const evilTemplate =
  '{% for a in range(100000000) %}{% for b in range(100000000) %}{% set x = a %}{% endfor %}{% endfor %}{{ messages[0].content }}';

const cases: readonly Case[] = [
  ['empty', 'not_gguf', () => Buffer.alloc(0)],
  ['text', 'not_gguf', () => Buffer.from('This is not the model you are looking for.\n'.repeat(10))],
  ['web-page', 'not_gguf', () => Buffer.from('<!doctype html><html><title>404 Not Found</title></html>\n'.repeat(3))],
  ['random-bytes', 'not_gguf', () => Buffer.concat([Buffer.from([0]), randomBytes(100_000)])],
  ['magic-only', 'not_gguf', () => Buffer.from('GGUF')],
  ['version-1', 'unsupported_version', patch((bytes) => bytes.writeUInt32LE(1, 4))],
  ['version-99', 'unsupported_version', patch((bytes) => bytes.writeUInt32LE(99, 4))],
  ['big-endian', 'unsupported_version', patch((bytes) => bytes.writeUInt32BE(3, 4))],
  ['cut-in-first-key', 'truncated', cut(() => 40)],
  ['cut-in-vocabulary', 'truncated', cut(() => 3000)],
  ['cut-in-half', 'truncated', cut((whole) => whole >> 1)],
  ['cut-by-one-byte', 'truncated', cut((whole) => whole - 1)],
  ['tensor-count-huge', 'limit_exceeded', patch((bytes) => bytes.writeBigUInt64LE(hugeNumber, 8))],
  ['metadata-count-huge', 'limit_exceeded', patch((bytes) => bytes.writeBigUInt64LE(hugeNumber, 16))],
  ['key-length-huge', 'limit_exceeded', patch((bytes) => bytes.writeBigUInt64LE(hugeNumber, 24))],
  [
    'string-length-huge',
    'limit_exceeded',
    patch((bytes) => bytes.writeBigUInt64LE(hugeNumber, after(bytes, 'general.name') + 4)),
  ],
  [
    'array-length-huge',
    'limit_exceeded',
    patch((bytes) => bytes.writeBigUInt64LE(hugeNumber, after(bytes, 'ggml.tokens') + 8)),
  ],
  [
    'array-of-arrays',
    'bad_metadata',
    patch((bytes) => bytes.writeUInt32LE(ValueType.array, after(bytes, 'ggml.scores') + 4)),
  ],
  ['value-type-unknown', 'bad_metadata', patch((bytes) => bytes.writeUInt32LE(77, after(bytes, 'general.name')))],
  ['key-twice', 'bad_metadata', patch((bytes) => bytes.write('eos_token_id', bytes.indexOf('bos_token_id')))],
  ['no-architecture', 'bad_metadata', meta({ 'general.architecture': undefined })],
  ['architecture-a-number', 'bad_metadata', meta({ 'general.architecture': uint32(5) })],
  ['adapter', 'other_kind', meta({ 'general.type': string('adapter') })],
  ['eyes', 'other_kind', meta({ 'general.architecture': string('clip') })],
  ['embeddings-only', 'other_kind', meta({ 'general.architecture': string('nomic-bert') })],
  ['type-of-javascript', 'served', meta({ 'general.type': string('constructor') })],
  ['architecture-unknown', 'engine', meta({ 'general.architecture': string('nonesuch') })],
  ['alignment-3', 'bad_metadata', meta({ 'general.alignment': uint32(3) })],
  ['heads-0', 'bad_metadata', meta({ 'llama.attention.head_count': uint32(0) })],
  ['heads-3', 'bad_metadata', meta({ 'llama.attention.head_count': uint32(3) })],
  ['kv-heads-0', 'bad_metadata', meta({ 'llama.attention.head_count_kv': uint32(0) })],
  ['kv-heads-3', 'bad_metadata', meta({ 'llama.attention.head_count_kv': uint32(3) })],
  ['heads-0-in-a-block', 'bad_metadata', meta({ 'llama.attention.head_count': int32s([0]) })],
  ['kv-heads-0-in-a-block', 'bad_metadata', meta({ 'llama.attention.head_count_kv': int32s([0]) })],
  ['values-of-no-length', 'bad_metadata', meta({ 'llama.attention.value_length': uint32(0) })],
  ['feed-forward-0', 'bad_metadata', meta({ 'llama.feed_forward_length': uint32(0) })],
  ['feed-forward-0-in-a-block', 'bad_metadata', meta({ 'llama.feed_forward_length': int32s([0]) })],
  ['feed-forward-absent', 'bad_metadata', meta({ 'llama.feed_forward_length': undefined })],
  ['experts-all-idle', 'bad_metadata', meta({ 'llama.expert_count': uint32(8) })],
  ['experts-too-few', 'bad_metadata', meta(experts(2, uint32(3)))],
  ['experts-idle-in-each-block', 'bad_metadata', meta(experts(2, int32s([0])))],
  ['experts-huge', 'bad_metadata', meta(experts(1_000_000, uint32(1)))],
  ['experts-without-tensors', 'engine', meta(experts(2, uint32(1)))],
  ['blocks-huge', 'bad_metadata', meta({ 'llama.block_count': uint32(1_000_000) })],
  ['blocks-absent', 'bad_metadata', meta({ 'llama.block_count': undefined })],
  ['blocks-too-many', 'tensor_mismatch', meta({ 'llama.block_count': uint32(2) })],
  ['context-0', 'bad_metadata', meta({ 'llama.context_length': uint32(0) })],
  ['epsilon-nan', 'bad_metadata', meta({ 'llama.attention.layer_norm_rms_epsilon': float32(NaN) })],
  ['epsilon-infinite', 'bad_metadata', meta({ 'llama.attention.layer_norm_rms_epsilon': float32(Infinity) })],
  ['epsilon-negative', 'bad_metadata', meta({ 'llama.attention.layer_norm_rms_epsilon': float32(-1) })],
  ['rope-nan', 'bad_metadata', meta({ 'llama.rope.freq_base': float32(NaN) })],
  ['rope-0', 'bad_metadata', meta({ 'llama.rope.freq_base': float32(0) })],
  ['rope-scaling-unknown', 'bad_metadata', meta({ 'llama.rope.scaling.type': string('nonesuch') })],
  ['rope-scaling-empty', 'bad_metadata', meta({ 'llama.rope.scaling.type': string('') })],
  ['rope-scaling-none', 'served', meta({ 'llama.rope.scaling.type': string('none') })],
  ['rope-dimensions-1000', 'engine', meta({ 'llama.rope.dimension_count': uint32(1000) })],
  ['feed-forward-mismatch', 'engine', meta({ 'llama.feed_forward_length': uint32(128) })],
  ['embedding-mismatch', 'tensor_mismatch', meta({ 'llama.embedding_length': uint32(128) })],
  [
    'no-tokenizer',
    'bad_tokenizer',
    meta(Object.fromEntries(Object.keys(vocabulary.metadata).map((key) => [key, undefined]))),
  ],
  ['tokenizer-unknown', 'engine', meta({ 'tokenizer.ggml.model': string('nonesuch') })],
  ['tokens-empty', 'bad_tokenizer', meta(columns(0))],
  ['tokens-short', 'tensor_mismatch', meta(columns(260))],
  ['tokens-numbers', 'bad_tokenizer', meta({ 'tokenizer.ggml.tokens': int32s(vocabulary.tokens.map((_, id) => id)) })],
  ['scores-short', 'bad_tokenizer', meta({ 'tokenizer.ggml.scores': float32s([0, 0, 0]) })],
  ['token-types-short', 'bad_tokenizer', meta({ 'tokenizer.ggml.token_type': int32s([2, 3, 3]) })],
  [
    'no-byte-tokens',
    'bad_tokenizer',
    meta({ 'tokenizer.ggml.tokens': strings(vocabulary.tokens.map((_, id) => `zz${id}`)) }),
  ],
  ['bos-out-of-range', 'served', meta({ 'tokenizer.ggml.bos_token_id': uint32(999_999) })],
  ['eos-out-of-range', 'served', meta({ 'tokenizer.ggml.eos_token_id': uint32(vocabulary.tokens.length) })],
  ['tokenizer-none', 'bad_tokenizer', meta({ 'tokenizer.ggml.model': string('none') })],
  ['tokenizer-bert', 'bad_tokenizer', meta({ 'tokenizer.ggml.model': string('bert') })],
  ['tokenizer-rwkv', 'bad_tokenizer', meta({ 'tokenizer.ggml.model': string('rwkv') })],
  ['token-twice', 'bad_tokenizer', meta({ 'tokenizer.ggml.tokens': strings(vocabulary.tokens.with(-1, 'aa')) })],
  [
    'tokens-without-text',
    'served',
    meta({ 'tokenizer.ggml.tokens': strings(vocabulary.tokens.with(-1, '').with(-2, '')) }),
  ],
  ['no-tensors', 'tensor_mismatch', tensors(() => [])],
  ['embeddings-absent', 'tensor_mismatch', tensors((all) => all.slice(1))],
  ['block-tensor-absent', 'tensor_mismatch', tensors((all) => all.filter(({ name }) => name !== lastTensor))],
  ['tensor-twice', 'bad_tensor', tensors((all) => [...all, ...all.slice(-1)])],
  ['tensor-type-unknown', 'bad_tensor', patch((bytes) => bytes.writeUInt32LE(250, after(bytes, lastTensor) + typeAt))],
  ['tensor-size-0', 'bad_tensor', patch((bytes) => bytes.writeBigUInt64LE(0n, after(bytes, lastTensor) + firstSize))],
  [
    'tensor-size-huge',
    'bad_tensor',
    patch((bytes) => bytes.writeBigUInt64LE(2n ** 63n, after(bytes, lastTensor) + firstSize)),
  ],
  [
    'tensor-beyond-end',
    'bad_tensor',
    patch((bytes) => bytes.writeBigUInt64LE(2n ** 40n, after(bytes, lastTensor) + offsetAt)),
  ],
  [
    'tensor-overlapping',
    'bad_tensor',
    patch((bytes) => bytes.writeBigUInt64LE(0n, after(bytes, lastTensor) + offsetAt)),
  ],
  ['dimensions-200', 'bad_tensor', patch((bytes) => bytes.writeUInt32LE(200, after(bytes, lastTensor)))],
  ['tensors-nan', 'engine', patch((bytes) => bytes.fill(0xff, encodeHeader(soundModel()).length))],
  ['template-endless', 'served', meta({ 'tokenizer.chat_template': string(evilTemplate) })],
  ['template-broken', 'served', meta({ 'tokenizer.chat_template': string('{% for m in %}{{ broken') })],
];

/** Blocks with this many experts, of which each token uses some. */
function experts(count: number, used: Metadata[string]): Record<string, Metadata[string]> {
  return { 'llama.expert_count': uint32(count), 'llama.expert_used_count': used };
}

/** A vocabulary of only so many tokens, in agreement with itself. */
function columns(count: number): Record<string, Metadata[string]> {
  const { tokens } = vocabulary;
  return {
    'tokenizer.ggml.tokens': strings(tokens.slice(0, count)),
    'tokenizer.ggml.scores': float32s(tokens.slice(0, count).map(() => 0)),
    'tokenizer.ggml.token_type': int32s(tokens.slice(0, count).map((_, id) => (id < 3 ? 3 : id < 259 ? 6 : 1))),
    'tokenizer.ggml.eot_token_id': uint32(2),
  };
}

/** Writes all of them into a folder, which is made if need be. */
export async function writeHostileModels(folder: string): Promise<HostileModel[]> {
  await mkdir(folder, { recursive: true });
  return Promise.all(
    cases.map(async ([name, verdict, bytes]): Promise<HostileModel> => {
      const path = join(folder, `${name}.gguf`);
      await writeFile(path, bytes());
      if (verdict === 'engine' || verdict === 'served') return { name, path, refusedBy: verdict };
      return { name, path, refusedBy: 'reader', code: verdict };
    }),
  );
}
