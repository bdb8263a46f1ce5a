/**
 * What was learnt of model files, in `models.json` of the home: their hashes and headers, by path, size and time of change, and which survived a
 * probe. Several processes may write it; who loses learns it again. What cannot be read or understood is as good as empty, and what
 * cannot be written counts as long as this process runs: a full disk keeps no model from being served.
 */
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelMemory as NeededMemory } from '../../gguf/memory.js';
import { filesHere } from '../../gguf/split.js';
import { replaceFile } from '../../runtime/replace-file.js';

/** Files, and harmless models, that are remembered. The oldest go first. */
const maxRemembered = 1_000;
/** Headers that were read under other rules are read again: to be raised when checks.ts refuses more, or less. */
const headerRules = 3;

/** As long as these are the same, it is taken for the same file. Of a model in several files, both are sums over all of them. */
export interface FileState {
  readonly bytes: number;
  readonly changedMs: number;
}

export interface HeaderFacts {
  readonly architecture: string;
  /** Tokens that the model was trained to see. */
  readonly trainedTokens: number | undefined;
  readonly blocks: number | undefined;
  readonly memory: NeededMemory;
}

interface Facts {
  /** Of the file as it is. */
  readonly sha256?: string;
  /** SHA-256 of the file as it was fetched or added, whatever became of it. */
  readonly origin?: string;
  /** Of its blocks (protocol/model-content.ts). */
  readonly tree?: string;
  readonly header?: HeaderFacts;
  /** Why it is no model that can be served. */
  readonly problem?: string;
}

export type KnownFile = FileState & Facts & { readonly headerRules?: number };

interface Memory {
  files: Record<string, KnownFile>;
  /** SHA-256 of models that this program wrote, or that survived a probe. */
  harmless: string[];
}

export class ModelMemory {
  readonly #path: string;
  /** What could not be written. */
  #unwritten: Memory | undefined;

  /** @param home the folder. */
  constructor(home: string) {
    this.#path = join(home, 'models.json');
  }

  /** By path. A header is among it only if it was read under today's rules. */
  get files(): ReadonlyMap<string, KnownFile> {
    return new Map(Object.entries(this.#read().files).map(([path, file]) => [path, current(file)]));
  }

  /** Adds to what is known of each file that has not changed; of one that has, its origin alone stays. */
  learn(news: ReadonlyMap<string, FileState & Facts>): void {
    if (news.size === 0) return;
    const { files, harmless } = this.#read();
    for (const [path, file] of news) {
      const known = files[path];
      const kept = known !== undefined && isSame(known, file) ? current(known) : originOf(known);
      files[path] = { ...kept, ...file, headerRules };
    }
    this.#write({ files: Object.fromEntries(Object.entries(files).slice(-maxRemembered)), harmless });
  }

  forget(path: string): void {
    const { files, harmless } = this.#read();
    if (files[path] === undefined) return;
    this.#write({ files: Object.fromEntries(Object.entries(files).filter(([other]) => other !== path)), harmless });
  }

  isHarmless(sha256: string): boolean {
    return this.#read().harmless.includes(sha256);
  }

  rememberHarmless(sha256: string): void {
    const { files, harmless } = this.#read();
    if (!harmless.includes(sha256)) this.#write({ files, harmless: [...harmless, sha256].slice(-maxRemembered) });
  }

  #read(): Memory {
    if (this.#unwritten !== undefined) return this.#unwritten;
    try {
      const { files, harmless } = JSON.parse(readFileSync(this.#path, 'utf8')) as Partial<Memory>;
      return { files: files ?? {}, harmless: harmless ?? [] };
    } catch {
      return { files: {}, harmless: [] };
    }
  }

  #write(memory: Memory): void {
    try {
      replaceFile(this.#path, JSON.stringify(memory, null, 2));
      this.#unwritten = undefined;
    } catch {
      this.#unwritten = memory;
    }
  }
}

export async function stateOf(path: string): Promise<FileState> {
  const all = await Promise.all(filesHere(path).map((file) => stat(file)));
  return {
    bytes: all.reduce((sum, { size }) => sum + size, 0),
    changedMs: all.reduce((sum, { mtimeMs }) => sum + mtimeMs, 0),
  };
}

export const isSame = (one: FileState, other: FileState): boolean =>
  one.bytes === other.bytes && one.changedMs === other.changedMs;

function current(file: KnownFile): KnownFile {
  if (file.headerRules === headerRules) return file;
  const { header: _header, problem: _problem, ...others } = file;
  return others;
}

const originOf = (file: KnownFile | undefined): Pick<Facts, 'origin'> =>
  file?.origin === undefined ? {} : { origin: file.origin };
