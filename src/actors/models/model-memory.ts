/**
 * Caches facts about model files in the home's `models.json`: hashes and header facts, keyed by path and valid for one
 * size and modification time, and which models survived a probe.
 *
 * Several processes may write it; the one whose write is lost learns the facts again. An unreadable or malformed file
 * counts as empty. If it cannot be written, the facts are kept in memory for the life of the process, so a full disk
 * does not stop a model from being served.
 */
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelMemory as NeededMemory } from '../../gguf/memory.js';
import { filesHere } from '../../gguf/split.js';
import { replaceFile } from '../../runtime/replace-file.js';

/** Limit on remembered files, and on harmless models. The oldest are dropped. */
const maxRemembered = 1_000;
/**
 * Version of the header checks. Increase it when checks.ts refuses more or less: headers cached under another version
 * are read again.
 */
const headerRules = 3;

/**
 * If both are unchanged, the file is assumed to be unchanged. For a model in several files, both are sums over all
 * files.
 */
export interface FileState {
  readonly bytes: number;
  readonly changedMs: number;
}

export interface HeaderFacts {
  readonly architecture: string;
  /** The context length the model was trained with. */
  readonly trainedTokens: number | undefined;
  readonly blocks: number | undefined;
  readonly memory: NeededMemory;
}

interface Facts {
  /** Of the file's current contents. */
  readonly sha256?: string;
  /** SHA-256 of the file as it was fetched or added, even if it has changed since. */
  readonly origin?: string;
  /** Root of its hash tree (protocol/model-content.ts). */
  readonly tree?: string;
  readonly header?: HeaderFacts;
  /** Why it cannot be served. */
  readonly problem?: string;
}

export type KnownFile = FileState & Facts & { readonly headerRules?: number };

interface Memory {
  files: Record<string, KnownFile>;
  /** SHA-256 of models that this program wrote or that survived a probe. */
  harmless: string[];
}

export class ModelMemory {
  readonly #path: string;
  /** State that could not be written to disk. */
  #unwritten: Memory | undefined;

  /** @param home the home folder */
  constructor(home: string) {
    this.#path = join(home, 'models.json');
  }

  /** By path. A header is included only if it was read under the current rules. */
  get files(): ReadonlyMap<string, KnownFile> {
    return new Map(Object.entries(this.#read().files).map(([path, file]) => [path, current(file)]));
  }

  /** Merges new facts. For a file that has changed, only its origin is kept from before. */
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
