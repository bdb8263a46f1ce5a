/**
 * Writes GGUF v3 files. Tensor data is streamed, so a model of any size needs only the memory of one chunk. The file
 * appears under its name only once it is complete (temporary file, then rename).
 */
import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { alignUp, defaultAlignment, ggufMagic, ggufVersion, tensorLayouts, tensorBytes, ValueType } from './format.js';

export type MetadataValue =
  | { readonly type: 'uint32' | 'int32' | 'uint64' | 'float32'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'int32s' | 'float32s'; readonly value: readonly number[] };

export type Metadata = Readonly<Record<string, MetadataValue>>;

export interface TensorSource {
  readonly name: string;
  /** A key of format.ts's tensorLayouts. */
  readonly type: number;
  /** In ggml's order: the first is contiguous in memory (a matrix's inputs), the second counts rows (its outputs). */
  readonly dims: readonly number[];
  /** The data in chunks of any size; together exactly the tensor's bytes. */
  readonly data: () => Iterable<Uint8Array>;
}

export interface GgufContent {
  readonly metadata: Metadata;
  readonly tensors: readonly TensorSource[];
}

export const uint32 = (value: number): MetadataValue => ({ type: 'uint32', value });
export const float32 = (value: number): MetadataValue => ({ type: 'float32', value });
export const bool = (value: boolean): MetadataValue => ({ type: 'bool', value });
export const string = (value: string): MetadataValue => ({ type: 'string', value });
export const strings = (value: readonly string[]): MetadataValue => ({ type: 'strings', value });
export const int32s = (value: readonly number[]): MetadataValue => ({ type: 'int32s', value });
export const float32s = (value: readonly number[]): MetadataValue => ({ type: 'float32s', value });

/** The bytes of a Float32Array, without copying. */
export const float32Bytes = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/**
 * Creates parent folders; replaces an existing file.
 * @returns the size of the file in bytes
 */
export async function writeGguf(path: string, content: GgufContent): Promise<number> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}.tmp`;
  const file = await open(temporary, 'wx');
  try {
    let position = 0;
    const write = async (bytes: Uint8Array): Promise<void> => {
      for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at)).bytesWritten;
      position += bytes.length;
    };
    await write(encodeHeader(content));
    for (const tensor of content.tensors) {
      const end = position + sizeOf(tensor);
      for (const chunk of tensor.data()) await write(chunk);
      if (position !== end) throw new RangeError(`tensor ${tensor.name} gave ${position - end} bytes too many`);
      await write(new Uint8Array(alignUp(position, defaultAlignment) - position));
    }
    await file.sync();
    await file.close();
    await rename(temporary, path);
    return position;
  } catch (error) {
    await file.close();
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Everything before the tensor data, padded to the alignment. Exported for tests that damage it on purpose. */
export function encodeHeader({ metadata, tensors }: GgufContent): Uint8Array {
  const bytes = new ByteWriter();
  bytes.raw(Buffer.from(ggufMagic, 'latin1'));
  bytes.uint32(ggufVersion);
  bytes.uint64(tensors.length);
  bytes.uint64(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) {
    bytes.string(key);
    bytes.value(value);
  }
  let offset = 0;
  for (const tensor of tensors) {
    bytes.string(tensor.name);
    bytes.uint32(tensor.dims.length);
    for (const size of tensor.dims) bytes.uint64(size);
    bytes.uint32(tensor.type);
    bytes.uint64(offset);
    offset = alignUp(offset + sizeOf(tensor), defaultAlignment);
  }
  bytes.raw(new Uint8Array(alignUp(bytes.length, defaultAlignment) - bytes.length));
  return bytes.done();
}

function sizeOf(tensor: TensorSource): number {
  const layout = tensorLayouts.get(tensor.type);
  if (layout === undefined) throw new RangeError(`tensor ${tensor.name} has the unknown type ${tensor.type}`);
  return tensorBytes(layout, tensor.dims);
}

/** A growing buffer with GGUF's encodings. */
class ByteWriter {
  #buffer = Buffer.allocUnsafe(1 << 16);
  length = 0;

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  uint32(value: number): void {
    this.#reserve(4);
    this.length = this.#buffer.writeUInt32LE(value, this.length);
  }

  uint64(value: number): void {
    this.#reserve(8);
    this.length = this.#buffer.writeBigUInt64LE(BigInt(value), this.length);
  }

  string(text: string): void {
    const bytes = Buffer.from(text, 'utf8');
    this.uint64(bytes.length);
    this.raw(bytes);
  }

  value(entry: MetadataValue): void {
    switch (entry.type) {
      case 'strings':
        this.#array(ValueType.string, entry.value, (text) => this.string(text));
        break;
      case 'int32s':
        this.#array(ValueType.int32, entry.value, (item) => this.#int32(item));
        break;
      case 'float32s':
        this.#array(ValueType.float32, entry.value, (item) => this.#float32(item));
        break;
      default:
        this.uint32(ValueType[entry.type]);
        this.#scalar(entry);
    }
  }

  done(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }

  #scalar(entry: Exclude<MetadataValue, { type: 'strings' | 'int32s' | 'float32s' }>): void {
    if (entry.type === 'string') this.string(entry.value);
    else if (entry.type === 'bool') this.raw(Uint8Array.of(entry.value ? 1 : 0));
    else if (entry.type === 'uint64') this.uint64(entry.value);
    else if (entry.type === 'float32') this.#float32(entry.value);
    else if (entry.type === 'int32') this.#int32(entry.value);
    else this.uint32(entry.value);
  }

  #array<Item>(type: ValueType, items: readonly Item[], write: (item: Item) => void): void {
    this.uint32(ValueType.array);
    this.uint32(type);
    this.uint64(items.length);
    items.forEach(write);
  }

  #int32(value: number): void {
    this.#reserve(4);
    this.length = this.#buffer.writeInt32LE(value, this.length);
  }

  #float32(value: number): void {
    this.#reserve(4);
    this.length = this.#buffer.writeFloatLE(value, this.length);
  }

  #reserve(bytes: number): void {
    if (this.length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.length + bytes));
    larger.set(this.#buffer.subarray(0, this.length));
    this.#buffer = larger;
  }
}
