/**
 * Describes a model file by its header: `inspectGguf` reads an untrusted file and either describes a model that
 * llama.cpp can be expected to load, or throws a GgufError. No tensor data is read, and a chat template is never
 * executed.
 */
import { checkModel } from './checks.js';
import { type GgufHeader, readHeader, type TensorInfo } from './reader.js';
import { withOtherParts } from './split.js';

export interface TokenizerInfo {
  /** Its type: `llama` (SentencePiece), `gpt2` (byte pairs), `bert`, … */
  readonly model: string;
  /** How text is split before byte pairs are merged. */
  readonly preTokenizer?: string;
  readonly tokens: number;
  readonly bosId?: number;
  readonly eosId?: number;
}

export interface GgufInfo {
  readonly path: string;
  /** Of all its files. */
  readonly fileBytes: number;
  readonly version: number;
  readonly architecture: string;
  readonly name?: string;
  /** llama.cpp's number for the file's main tensor type. */
  readonly fileType?: number;
  /** The context length the model was trained with. */
  readonly contextLength?: number;
  readonly blockCount?: number;
  readonly embeddingLength?: number;
  readonly feedForwardLength?: number;
  readonly headCount?: number;
  /** Per block, if blocks differ. If absent, as many as heads. */
  readonly headCountKv?: number | readonly number[];
  /** Of one head. */
  readonly keyLength?: number;
  readonly valueLength?: number;
  readonly vocabSize: number;
  readonly tokenizer?: TokenizerInfo;
  /** As text; never execute it. */
  readonly chatTemplate?: string;
  readonly tensors: readonly TensorInfo[];
  /** Total size of all tensors. */
  readonly tensorBytes: number;
}

/** @throws GgufError if the file is not a model, is damaged, or would make llama.cpp abort */
export async function inspectGguf(path: string): Promise<GgufInfo> {
  const header = await withOtherParts(await readHeader(path));
  checkModel(header);
  return describe(header);
}

function describe(header: GgufHeader): GgufInfo {
  const { scalars, arrays } = header;
  const text = (key: string): string | undefined => {
    const value = scalars.get(key);
    return typeof value === 'string' ? value : undefined;
  };
  const number = (key: string): number | undefined => {
    const value = scalars.get(key);
    return typeof value === 'number' ? value : undefined;
  };
  const architecture = text('general.architecture') ?? '';
  const own = (key: string): number | undefined => number(`${architecture}.${key}`);
  const most = (key: string): number | undefined => {
    const numbers = arrays.get(`${architecture}.${key}`)?.numbers;
    return numbers === undefined ? own(key) : Math.max(0, ...numbers);
  };
  const [headCount, embeddingLength] = [most('attention.head_count'), own('embedding_length')];
  const perHead = headCount && embeddingLength ? embeddingLength / headCount : undefined;
  const tokens = arrays.get('tokenizer.ggml.tokens')?.length;
  const model = text('tokenizer.ggml.model');
  return present({
    path: header.path,
    fileBytes: header.fileBytes,
    version: header.version,
    architecture,
    name: text('general.name'),
    fileType: number('general.file_type'),
    contextLength: tokensIn(own('context_length')),
    blockCount: own('block_count'),
    embeddingLength,
    feedForwardLength: most('feed_forward_length'),
    headCount,
    headCountKv: arrays.get(`${architecture}.attention.head_count_kv`)?.numbers ?? own('attention.head_count_kv'),
    keyLength: own('attention.key_length') ?? perHead,
    valueLength: own('attention.value_length') ?? perHead,
    vocabSize: tokens ?? own('vocab_size') ?? 0,
    tokenizer:
      model === undefined
        ? undefined
        : present({
            model,
            preTokenizer: text('tokenizer.ggml.pre'),
            tokens: tokens ?? 0,
            bosId: number('tokenizer.ggml.bos_token_id'),
            eosId: number('tokenizer.ggml.eos_token_id'),
          }),
    chatTemplate: text('tokenizer.chat_template'),
    tensors: header.tensors,
    tensorBytes: header.tensors.reduce((sum, tensor) => sum + tensor.bytes, 0),
  });
}

/** Ignores a value that cannot be a number of tokens. */
const tokensIn = (value: number | undefined): number | undefined =>
  Number.isSafeInteger(value) && Number(value) > 0 ? value : undefined;

type Present<T> = { [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined> } & {
  [K in keyof T as undefined extends T[K] ? never : K]: T[K];
};

/** The object without its undefined fields. */
function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>;
}
