/**
 * Checks whether a header belongs to a model. Refuses what would make llama.cpp abort its process or read out of
 * bounds, and what it would refuse itself with a less helpful message. Only definite errors are refused: rules about
 * shapes apply only to the architectures listed here, and everything else is left to llama.cpp's own checks.
 */
import { ValueType } from './format.js';
import { GgufError, type GgufErrorCode } from './error.js';
import { type GgufHeader, quote } from './reader.js';

/** Plain transformers: every block has attention and a feed-forward part under the usual names. */
const plainTransformers = new Set([
  ...['llama', 'qwen2', 'qwen2moe', 'qwen3', 'qwen3moe', 'gemma', 'gemma2', 'gemma3'],
  ...['phi3', 'granite', 'smollm3', 'starcoder2'],
]);

/**
 * Tensors that every block of a plain transformer has: one match per pattern. Experts and fused tensors have longer
 * names.
 */
const blockTensors: readonly RegExp[] = [
  /^attn_norm\.weight$/,
  /^attn_(q|qkv)\.weight$/,
  /^attn_(k|qkv)\.weight$/,
  /^attn_(v|qkv)\.weight$/,
  /^attn_output\.weight$/,
  /^ffn_up(_exps|\.\d+)?\.weight$/,
  /^ffn_down(_exps|\.\d+)?\.weight$/,
];

/** What a file may be other than a model (`general.type`, or the values used before it existed). */
const otherKinds: ReadonlyMap<unknown, string> = new Map([
  ['adapter', 'it is an adapter (LoRA), which changes a model and is none'],
  ['mmproj', 'it is the part by which a model sees or hears (mmproj), and no model'],
  ['clip', 'it is the part by which a model sees or hears (mmproj), and no model'],
  ['imatrix', 'it holds statistics for quantizing a model, and no model'],
  ['vocab', 'it holds the vocabulary of a model, and no model'],
]);

/** Their output is vectors or sound. */
const architecturesWithoutText = new Set([
  ...['bert', 'nomic-bert', 'nomic-bert-moe', 'jina-bert-v2', 'jina-bert-v3', 'modern-bert', 'neo-bert', 'eurobert'],
  ...['gemma-embedding', 't5encoder', 'wavtokenizer-dec'],
]);

/** llama.cpp's limit is 512 (LLAMA_MAX_LAYERS); twice that leaves room for newer versions. */
const maxBlocks = 1024;
/** llama.cpp aborts above this (LLAMA_MAX_EXPERTS). */
const maxExperts = 1024;
/**
 * Methods to extend positions to a longer context (`rope.scaling.type`), by llama.cpp's names
 * (LLAMA_ROPE_SCALING_TYPES).
 */
const ropeScalings: readonly unknown[] = ['none', 'linear', 'yarn', 'longrope'];
const noTokenizer: readonly unknown[] = ['none', 'no_vocab'];
/** Tokenizers of embedding models and of RWKV. In a plain transformer, some tokens make llama.cpp abort with them. */
const foreignTokenizers: readonly unknown[] = ['bert', 'rwkv'];

type Fail = (code: GgufErrorCode, reason: string) => never;

/** @throws GgufError */
export function checkModel(header: GgufHeader): void {
  const fail: Fail = (code, reason) => {
    throw new GgufError(code, header.path, reason);
  };
  const architecture = header.scalars.get('general.architecture');
  const kind = otherKinds.get(header.scalars.get('general.type')) ?? otherKinds.get(architecture);
  if (kind !== undefined) fail('other_kind', kind);
  if (typeof architecture !== 'string' || architecture === '') {
    fail('bad_metadata', 'it does not say which architecture it has (general.architecture)');
  }
  if (architecturesWithoutText.has(architecture)) fail('other_kind', `it is a model for embeddings (${architecture})`);
  if (header.tensors.length === 0) fail('tensor_mismatch', 'it holds no tensors');
  const numbers = new Numbers(header, architecture, fail);
  checkFloats(header, fail);
  if ((numbers.optional('block_count') ?? 0) > maxBlocks) {
    fail('bad_metadata', `it claims ${numbers.required('block_count')} blocks`);
  }
  checkExperts(numbers, fail);
  checkRopeScaling(header, architecture, fail);
  checkTokenizer(header, fail);
  if (!plainTransformers.has(architecture)) return;
  checkHeads(numbers, fail);
  checkTokenizerPresent(header, fail);
  checkTensors(header, numbers, fail);
}

/** Numeric metadata of the file's architecture. */
class Numbers {
  constructor(
    private readonly header: GgufHeader,
    readonly architecture: string,
    private readonly fail: Fail,
  ) {}

  /** Also undefined if the value is an array with one number per block. */
  optional(key: string): number | undefined {
    const value = this.header.scalars.get(`${this.architecture}.${key}`);
    if (value === undefined) return undefined;
    if (typeof value !== 'number') this.fail('bad_metadata', `${this.architecture}.${key} is not a number`);
    return value;
  }

  required(key: string): number {
    const value = this.optional(key) ?? this.fail('bad_metadata', `${this.architecture}.${key} is missing`);
    if (value < 1 || !Number.isSafeInteger(value)) this.fail('bad_metadata', `${this.architecture}.${key} is ${value}`);
    return value;
  }

  isArray(key: string): boolean {
    return this.header.arrays.has(`${this.architecture}.${key}`);
  }

  /** Requires one number for all blocks, or one for each block. */
  requiredOfEach(key: string): void {
    if (!this.isArray(key)) this.required(key);
    else if (this.#items(key).some((value) => value < 1))
      this.fail('bad_metadata', `${this.architecture}.${key} is 0 or less for one of its blocks`);
  }

  /** The largest, if blocks differ. */
  most(key: string): number | undefined {
    return this.isArray(key) ? Math.max(0, ...this.#items(key)) : this.optional(key);
  }

  #items(key: string): readonly number[] {
    return this.header.arrays.get(`${this.architecture}.${key}`)?.numbers ?? [];
  }
}

/** For any architecture: llama.cpp asserts that a block with experts uses some of them, and one without uses none. */
function checkExperts(numbers: Numbers, fail: Fail): void {
  if (numbers.isArray('expert_count')) return;
  const experts = numbers.optional('expert_count') ?? 0;
  const used = numbers.most('expert_used_count') ?? 0;
  if (experts > maxExperts) fail('bad_metadata', `it claims ${experts} experts in a block`);
  if (used > experts || (experts > 0 && used < 1)) fail('bad_metadata', `it uses ${used} of ${experts} experts`);
}

/** For any architecture: an unknown type fails an assertion. */
function checkRopeScaling({ scalars }: GgufHeader, architecture: string, fail: Fail): void {
  const scaling = scalars.get(`${architecture}.rope.scaling.type`);
  if (typeof scaling === 'string' && !ropeScalings.includes(scaling))
    fail('bad_metadata', `${architecture}.rope.scaling.type is ${quote(scaling)}`);
}

/** For any architecture: a bad norm epsilon fails an assertion, and a bad RoPE frequency makes every number NaN. */
function checkFloats(header: GgufHeader, fail: Fail): void {
  for (const [key, value] of header.scalars) {
    if (typeof value !== 'number') continue;
    if (key.endsWith('_epsilon') && !(value >= 0 && Number.isFinite(value))) fail('bad_metadata', `${key} is ${value}`);
    if (/\.rope\.freq_base(_swa)?$/.test(key) && !(value > 0 && Number.isFinite(value))) {
      fail('bad_metadata', `${key} is ${value}`);
    }
    if (/\.rope\..*factor$/.test(key) && !Number.isFinite(value)) fail('bad_metadata', `${key} is ${value}`);
  }
}

function checkHeads(numbers: Numbers, fail: Fail): void {
  numbers.required('context_length');
  numbers.required('block_count');
  const embedding = numbers.required('embedding_length');
  // each is a tensor dimension, and llama.cpp asserts that none is 0
  for (const key of ['attention.head_count_kv', 'attention.key_length', 'attention.value_length'])
    if (numbers.most(key) !== undefined) numbers.requiredOfEach(key);
  numbers.requiredOfEach('attention.head_count');
  if ((numbers.optional('expert_count') ?? 0) === 0) numbers.requiredOfEach('feed_forward_length');
  if (numbers.isArray('attention.head_count')) return;
  const heads = numbers.required('attention.head_count');
  if (numbers.optional('attention.key_length') === undefined && embedding % heads !== 0) {
    fail('bad_metadata', `its embedding of ${embedding} cannot be divided among ${heads} heads`);
  }
  if (numbers.isArray('attention.head_count_kv') || numbers.optional('attention.head_count_kv') === undefined) return;
  const headsKv = numbers.required('attention.head_count_kv');
  if (heads % headsKv !== 0) fail('bad_metadata', `its ${heads} heads cannot share ${headsKv} key-value heads`);
}

/**
 * For any architecture: llama.cpp aborts if there is no tokenizer or two tokens are equal, and older versions read out
 * of bounds if arrays are too short. A special token's ID outside the vocabulary is harmless: llama.cpp uses its
 * default instead.
 */
function checkTokenizer(header: GgufHeader, fail: Fail): void {
  if (noTokenizer.includes(header.scalars.get('tokenizer.ggml.model'))) fail('bad_tokenizer', 'it has no tokenizer');
  const tokens = header.arrays.get('tokenizer.ggml.tokens');
  if (tokens === undefined) return;
  if (tokens.length === 0) fail('bad_tokenizer', 'its list of tokens is empty');
  if (tokens.itemType !== ValueType.string) fail('bad_tokenizer', 'its tokens are not texts');
  const columns: readonly [string, readonly number[]][] = [
    ['tokenizer.ggml.scores', [ValueType.float32, ValueType.int32]],
    ['tokenizer.ggml.token_type', [ValueType.int32]],
  ];
  for (const [key, types] of columns) {
    const column = header.arrays.get(key);
    if (column === undefined) continue;
    if (column.length < tokens.length || !types.includes(column.itemType)) {
      fail('bad_tokenizer', `${key} has ${column.length} items of type ${column.itemType} for ${tokens.length} tokens`);
    }
  }
  if (header.tokenTwice !== undefined) fail('bad_tokenizer', `two of its tokens are ${quote(header.tokenTwice)}`);
  if (header.scalars.get('tokenizer.ggml.model') === 'llama' && header.byteTokens < 256) {
    fail('bad_tokenizer', `${256 - header.byteTokens} of the 256 bytes have no token, so some texts would crash it`);
  }
}

function checkTokenizerPresent(header: GgufHeader, fail: Fail): void {
  const model = header.scalars.get('tokenizer.ggml.model');
  if (typeof model !== 'string' || !header.arrays.has('tokenizer.ggml.tokens')) {
    fail('bad_tokenizer', 'it has no tokenizer');
  }
  if (foreignTokenizers.includes(model))
    fail('bad_tokenizer', `its tokenizer (${model}) is of a kind that a model of its architecture cannot have`);
}

function checkTensors(header: GgufHeader, numbers: Numbers, fail: Fail): void {
  const embeddings = header.tensors.find(({ name }) => name === 'token_embd.weight');
  const [width, rows] = embeddings?.dims ?? fail('tensor_mismatch', 'it lacks the tensor token_embd.weight');
  const embedding = numbers.required('embedding_length');
  if (width !== embedding) {
    fail(
      'tensor_mismatch',
      `its embedding has ${embedding} dimensions, its tensor token_embd.weight has ${width ?? 0}`,
    );
  }
  const tokens = header.arrays.get('tokenizer.ggml.tokens')?.length;
  if (rows !== tokens) {
    fail('tensor_mismatch', `its tokenizer has ${tokens ?? 0} tokens, its tensor token_embd.weight has ${rows ?? 0}`);
  }
  if (!header.tensors.some(({ name }) => name === 'output_norm.weight')) {
    fail('tensor_mismatch', 'it lacks the tensor output_norm.weight');
  }
  checkBlocks(header, numbers.required('block_count'), fail);
}

function checkBlocks(header: GgufHeader, blockCount: number, fail: Fail): void {
  const blocks = new Map<number, string[]>();
  for (const { name } of header.tensors) {
    const [, index, part] = /^blk\.(\d{1,6})\.(.+)$/.exec(name) ?? [];
    if (index === undefined || part === undefined) continue;
    const parts = blocks.get(Number(index));
    if (parts === undefined) blocks.set(Number(index), [part]);
    else parts.push(part);
  }
  if (blocks.size !== blockCount) {
    fail('tensor_mismatch', `it claims ${blockCount} blocks, its tensors make ${blocks.size}`);
  }
  for (let index = 0; index < blockCount; index++) {
    const parts = blocks.get(index) ?? [];
    const missing = blockTensors.find((pattern) => !parts.some((part) => pattern.test(part)));
    if (missing !== undefined) {
      fail('tensor_mismatch', `block ${index} has no tensor whose name matches ${quote(missing.source)}`);
    }
  }
}
