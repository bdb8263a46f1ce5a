/**
 * Models in several files, as made by llama.cpp's `gguf-split`: `NAME-00001-of-00003.gguf` and so on. The first has all
 * the metadata; llama.cpp gets its path and finds the others next to it by name. So a part is usable only under its own
 * name.
 */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { GgufError } from './error.js';
import { type GgufHeader, readHeader } from './reader.js';

const partName = /^(.+)-(\d{5})-of-(\d{5})(?:\.gguf)?$/i;
/** No real model has more parts. */
const maxParts = 256;

/** Whether a file or model is named like a part. `isFirst`: it stands for the whole model. */
export function partOf(name: string): { readonly isFirst: boolean } | undefined {
  const number = partName.exec(name)?.[2];
  return number === undefined ? undefined : { isFirst: Number(number) === 1 };
}

/** All files of a model, from the name of its first. */
export function filesOf(path: string): readonly string[] {
  const [, prefix, number, total] = partName.exec(basename(path)) ?? [];
  if (prefix === undefined || total === undefined || Number(number) !== 1 || Number(total) > maxParts) return [path];
  return Array.from({ length: Number(total) }, (_, at) =>
    join(dirname(path), `${prefix}-${String(at + 1).padStart(5, '0')}-of-${total}.gguf`),
  );
}

/** Those of its files that exist; always includes the first. */
export const filesHere = (path: string): readonly string[] => [path, ...filesOf(path).slice(1).filter(existsSync)];

/**
 * A model's header with the tensors of all its parts.
 * @throws GgufError if it is not the first part, or others are missing
 */
export async function withOtherParts(first: GgufHeader): Promise<GgufHeader> {
  const { path } = first;
  const count = numberIn(first, 'split.count') ?? 1;
  if (count === 1) return first;
  const number = (numberIn(first, 'split.no') ?? 0) + 1;
  const wanting = (reason: string): GgufError => new GgufError('not_whole', path, reason);
  if (number !== 1) throw wanting(`it is part ${number} of ${count} of a model; the first part stands for the whole`);
  const files = filesOf(path);
  if (files.length !== count)
    throw wanting(`it is the first of ${count} parts, and not called so: llama.cpp finds the others by its name`);
  const others = await Promise.all(
    files.slice(1).map(async (file, at) => {
      if (!existsSync(file)) throw wanting(`of its ${count} parts, ${basename(file)} is missing`);
      const part = await readHeader(file).catch((error: unknown) => {
        const why = error instanceof GgufError ? error.reason : String(error);
        throw wanting(`of its ${count} parts, ${basename(file)} is of no use: ${why}`);
      });
      if (numberIn(part, 'split.no') !== at + 1 || numberIn(part, 'split.count') !== count)
        throw wanting(`${basename(file)} is not part ${at + 2} of ${count} of it`);
      return part;
    }),
  );
  return {
    ...first,
    fileBytes: others.reduce((sum, { fileBytes }) => sum + fileBytes, first.fileBytes),
    tensors: [first, ...others].flatMap(({ tensors }) => tensors),
  };
}

function numberIn({ scalars }: GgufHeader, key: string): number | undefined {
  const value = scalars.get(key);
  return typeof value === 'number' ? value : undefined;
}
