/**
 * Parses the header of an untrusted GGUF file and checks that it is well-formed: every count, length, type, size and
 * offset. checks.ts checks what the values mean. Token texts are examined but not kept, so a header costs a few
 * megabytes at most.
 */
import { HeaderCursor, windowBytes } from './cursor.js';
import { alignUp, defaultAlignment, ggufMagic, tensorLayouts, tensorBytes, ValueType } from './format.js';
import { TokenTexts } from './token-texts.js';

/** Real models have about 60 entries; the longest keys have 60 characters. */
const maxMetadataEntries = 4096;
const maxKeyBytes = 1024;
/** Mixtures of experts with separate tensors per expert have about 20,000. */
const maxTensors = 65_536;
/** llama.cpp's own limits: GGML_MAX_NAME minus its terminator, and GGML_MAX_DIMS. */
const maxTensorNameBytes = 63;
const maxDimensions = 4;
/** Vocabularies have up to 270,000 tokens, merges up to 600,000. */
const maxTokens = 2 ** 20;
const maxArrayItems = 2 ** 22;
/** Tokens are words or parts of words. Longer ones are skipped. */
const maxTokenBytes = 1024;
/** A tokenizer as JSON may take 20 MB; it is skipped. */
const maxStringBytes = 64 * 2 ** 20;
/** Arrays with one number per block are kept, up to this length. */
const maxKeptNumbers = 1024;

/** The strings that are used; all others are skipped. */
const keptStrings =
  /^(general\.(architecture|name|type)|tokenizer\.(ggml\.(model|pre)|chat_template)|.+\.rope\.scaling\.type)$/;
const keptNumbers = /\.(head_count|head_count_kv|feed_forward_length|expert_used_count)$/;

const scalarBytes: Readonly<Record<number, number>> = {
  [ValueType.uint8]: 1,
  [ValueType.int8]: 1,
  [ValueType.uint16]: 2,
  [ValueType.int16]: 2,
  [ValueType.uint32]: 4,
  [ValueType.int32]: 4,
  [ValueType.float32]: 4,
  [ValueType.bool]: 1,
  [ValueType.uint64]: 8,
  [ValueType.int64]: 8,
  [ValueType.float64]: 8,
};

export interface ArraySummary {
  /** One of ValueType. */
  readonly itemType: number;
  readonly length: number;
  /** The items, for the few arrays that are kept. */
  readonly numbers?: readonly number[];
}

export interface TensorInfo {
  readonly name: string;
  /** The type's name, such as `Q4_K`. */
  readonly type: string;
  readonly dims: readonly number[];
  /** From the start of the file. */
  readonly offset: number;
  readonly bytes: number;
}

export interface GgufHeader {
  readonly path: string;
  readonly fileBytes: number;
  readonly version: number;
  /** Numbers, booleans, and the strings that are kept; a skipped string is ''. */
  readonly scalars: ReadonlyMap<string, number | boolean | string>;
  readonly arrays: ReadonlyMap<string, ArraySummary>;
  /** How many of the 256 bytes have a token of their own, as `<0xNN>` or as that one byte. */
  readonly byteTokens: number;
  /** The text of a token that occurs twice; undefined if all differ. */
  readonly tokenTwice: string | undefined;
  readonly tensors: readonly TensorInfo[];
}

/** @throws GgufError */
export async function readHeader(path: string): Promise<GgufHeader> {
  const cursor = await HeaderCursor.open(path);
  try {
    return await new HeaderReader(cursor).read();
  } finally {
    await cursor.close();
  }
}

/** A tensor as described by the file; its offset is relative to the start of the data. */
interface TensorClaim {
  readonly name: string;
  readonly dims: readonly number[];
  readonly type: number;
  readonly offset: number;
}

class HeaderReader {
  readonly #scalars = new Map<string, number | boolean | string>();
  readonly #arrays = new Map<string, ArraySummary>();
  #tokens = new TokenTexts(0);

  constructor(private readonly cursor: HeaderCursor) {}

  async read(): Promise<GgufHeader> {
    const { cursor } = this;
    const version = await this.#version();
    await cursor.need(16);
    const tensorCount = this.#bounded(cursor.takeUint64(), maxTensors, 'tensors');
    const entries = this.#bounded(cursor.takeUint64(), maxMetadataEntries, 'metadata entries');
    for (let i = 0; i < entries; i++) await this.#entry();
    const claims: TensorClaim[] = [];
    for (let i = 0; i < tensorCount; i++) claims.push(await this.#tensorClaim());
    return {
      path: cursor.path,
      fileBytes: cursor.fileBytes,
      version,
      scalars: this.#scalars,
      arrays: this.#arrays,
      byteTokens: this.#tokens.byteTokens,
      tokenTwice: this.#tokens.twice,
      tensors: this.#place(claims),
    };
  }

  async #version(): Promise<number> {
    const { cursor } = this;
    if (cursor.fileBytes === 0) cursor.fail('not_gguf', 'it is empty');
    if (cursor.fileBytes < 24) cursor.fail('not_gguf', `it has ${cursor.fileBytes} bytes, too few for any model`);
    await cursor.need(8);
    const magic = cursor.take(4).toString('latin1');
    if (magic.startsWith('<')) cursor.fail('not_gguf', 'it is a web page or XML, not a GGUF model');
    if (magic !== ggufMagic) cursor.fail('not_gguf', 'it is not a GGUF model: it does not begin with "GGUF"');
    const version = cursor.takeUint32();
    if (version !== 0 && version % 0x10000 === 0) cursor.fail('unsupported_version', 'it is a big-endian GGUF file');
    if (version !== 2 && version !== 3) cursor.fail('unsupported_version', `it has GGUF version ${version}`);
    return version;
  }

  async #entry(): Promise<void> {
    const { cursor } = this;
    const key = await this.#string(maxKeyBytes, 'metadata key');
    if (this.#scalars.has(key) || this.#arrays.has(key)) cursor.fail('bad_metadata', `it has ${quote(key)} twice`);
    await cursor.need(4);
    const type = cursor.takeUint32();
    if (type === ValueType.array) {
      this.#arrays.set(key, await this.#array(key));
    } else if (type === ValueType.string) {
      this.#scalars.set(key, await this.#stringValue(key));
    } else {
      await cursor.need(this.#scalarBytes(type, key));
      this.#scalars.set(key, this.#scalar(type));
    }
  }

  async #stringValue(key: string): Promise<string> {
    if (keptStrings.test(key)) return this.#string(windowBytes, `value of ${quote(key)}`);
    await this.cursor.need(8);
    this.cursor.skip(this.#bounded(this.cursor.takeUint64(), maxStringBytes, `bytes in ${quote(key)}`));
    return '';
  }

  async #array(key: string): Promise<ArraySummary> {
    const { cursor } = this;
    await cursor.need(12);
    const itemType = cursor.takeUint32();
    const length = this.#bounded(cursor.takeUint64(), maxArrayItems, `items in ${quote(key)}`);
    if (itemType === ValueType.array) cursor.fail('bad_metadata', `${quote(key)} is an array of arrays`);
    if (itemType === ValueType.string) {
      await (key === 'tokenizer.ggml.tokens' ? this.#readTokens(length) : this.#passStrings(length));
      return { itemType, length };
    }
    const itemBytes = this.#scalarBytes(itemType, key);
    if (!keptNumbers.test(key) || length > maxKeptNumbers) {
      cursor.skip(length * itemBytes);
      return { itemType, length };
    }
    await cursor.need(length * itemBytes);
    return { itemType, length, numbers: Array.from({ length }, () => Number(this.#scalar(itemType))) };
  }

  /** As fast as the window allows: long headers spend their time here and in the tokens. */
  async #passStrings(count: number): Promise<void> {
    const { cursor } = this;
    for (let i = 0; i < count; i++) {
      if (!cursor.holds(8)) await cursor.need(8);
      cursor.skip(this.#textBytes());
    }
  }

  async #readTokens(count: number): Promise<void> {
    const { cursor } = this;
    this.#bounded(count, Math.min(maxTokens, cursor.fileBytes / 8), 'tokens');
    const tokens = (this.#tokens = new TokenTexts(count));
    for (let i = 0; i < count; i++) {
      if (!cursor.holds(8)) await cursor.need(8);
      const bytes = this.#textBytes();
      if (bytes > maxTokenBytes) {
        cursor.skip(bytes);
        continue;
      }
      if (!cursor.holds(bytes)) await cursor.need(bytes);
      tokens.add(cursor.take(bytes));
    }
  }

  #textBytes(): number {
    const bytes = this.cursor.takeUint64();
    return bytes > maxStringBytes ? this.#bounded(bytes, maxStringBytes, 'bytes in a string') : bytes;
  }

  async #tensorClaim(): Promise<TensorClaim> {
    const { cursor } = this;
    const name = await this.#string(maxTensorNameBytes, 'tensor name');
    await cursor.need(4);
    const dimensions = cursor.takeUint32();
    if (dimensions < 1 || dimensions > maxDimensions) {
      cursor.fail('bad_tensor', `tensor ${quote(name)} has ${dimensions} dimensions`);
    }
    await cursor.need(dimensions * 8 + 12);
    const dims = Array.from({ length: dimensions }, () => cursor.takeUint64());
    return { name, dims, type: cursor.takeUint32(), offset: cursor.takeUint64() };
  }

  /**
   * Checks each tensor's type, size and offset. Data must follow the header in the order of the infos, aligned and
   * within the file.
   */
  #place(claims: readonly TensorClaim[]): TensorInfo[] {
    const { cursor } = this;
    const alignment = this.#alignment();
    const dataStart = alignUp(cursor.position, alignment);
    const names = new Set<string>();
    let expected = 0;
    return claims.map(({ name, dims, type, offset }) => {
      const label = `tensor ${quote(name)}`;
      if (names.size === names.add(name).size) cursor.fail('bad_tensor', `it has ${label} twice`);
      const layout = tensorLayouts.get(type) ?? cursor.fail('bad_tensor', `${label} has the unknown type ${type}`);
      if (dims.some((size) => size === 0) || (dims[0] ?? 0) % layout.elements !== 0) {
        cursor.fail('bad_tensor', `${label} has the size ${dims.join(' × ')}, impossible for ${layout.name}`);
      }
      const bytes = tensorBytes(layout, dims);
      if (bytes > Number.MAX_SAFE_INTEGER) cursor.fail('bad_tensor', `${label} has the size ${dims.join(' × ')}`);
      if (offset !== expected) {
        cursor.fail('bad_tensor', `${label} is said to lie at offset ${offset}, where ${expected} is due`);
      }
      const end = dataStart + offset + bytes;
      if (end > cursor.fileBytes) {
        cursor.fail('truncated', `it has ${cursor.fileBytes} bytes, but ${label} needs it to have ${end}`);
      }
      expected = alignUp(offset + bytes, alignment);
      return { name, type: layout.name, dims, offset: dataStart + offset, bytes };
    });
  }

  #alignment(): number {
    const alignment = this.#scalars.get('general.alignment') ?? defaultAlignment;
    if (typeof alignment !== 'number' || !Number.isInteger(Math.log2(alignment)) || alignment > windowBytes) {
      this.cursor.fail('bad_metadata', `its alignment is ${String(alignment)}, not a power of two`);
    }
    return alignment;
  }

  async #string(maxBytes: number, what: string): Promise<string> {
    await this.cursor.need(8);
    const bytes = this.#bounded(this.cursor.takeUint64(), maxBytes, `bytes in a ${what}`);
    await this.cursor.need(bytes);
    return this.cursor.take(bytes).toString('utf8');
  }

  #bounded(count: number, limit: number, what: string): number {
    if (count > limit) this.cursor.fail('limit_exceeded', `it claims ${count} ${what}, more than ${limit}`);
    return count;
  }

  #scalarBytes(type: number, key: string): number {
    return scalarBytes[type] ?? this.cursor.fail('bad_metadata', `${quote(key)} has the unknown type ${type}`);
  }

  #scalar(type: number): number | boolean {
    const bytes = this.cursor.take(scalarBytes[type] ?? 0);
    switch (type) {
      case ValueType.bool:
        return bytes[0] !== 0;
      case ValueType.float32:
        return bytes.readFloatLE();
      case ValueType.float64:
        return bytes.readDoubleLE();
      case ValueType.int64:
        return Number(bytes.readBigInt64LE());
      case ValueType.uint64:
        return Number(bytes.readBigUInt64LE());
      case ValueType.int8:
      case ValueType.int16:
      case ValueType.int32:
        return bytes.readIntLE(0, bytes.length);
      default:
        return bytes.readUIntLE(0, bytes.length);
    }
  }
}

/** Untrusted text, made fit for one line of a message. */
export function quote(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return JSON.stringify(short);
}
