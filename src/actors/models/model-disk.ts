/**
 * ModelFiles on the real disk: finds a model by name or path, writes the demo model if missing, reads the header, and
 * hashes the file in a thread. Facts about files are cached in the home's `models.json`.
 */
import { existsSync, rmSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { demoModelName } from '../../gguf/demo-model.js';
import { GgufError } from '../../gguf/error.js';
import { inspectGguf, type GgufInfo } from '../../gguf/inspect.js';
import { memoryOf } from '../../gguf/memory.js';
import { writeModel } from '../../gguf/models.js';
import type { ModelContent } from '../../protocol/model-content.js';
import { chooseLayout, usualSlots, type Layout, type MachineFacts } from '../../rules/choose.js';
import { asError, messageOf } from '../../runtime/errors.js';
import { makeFolder } from '../../runtime/make-folder.js';
import { nearest } from '../../runtime/near-match.js';
import { createThreadPool, type ThreadPool } from '../../runtime/thread-pool.js';
import { readMachine } from '../host/machine-facts.js';
import type { ModelFiles } from './model-files.js';
import { findModelFiles } from './model-library.js';
import { isSame, ModelMemory, stateOf } from './model-memory.js';
import { isAddress, nameInAddress } from './model-address.js';
import type { BlocksRead, ReadBlocksTask } from './read-blocks.js';

export interface ModelDiskOptions {
  /** Contains `models.json`. */
  readonly home: string;
  /** Searched in this order. The demo model is written to the first. */
  readonly folders: readonly string[];
  /** Tokens per slot, and number of slots; whatever is not set is chosen for this machine. */
  readonly contextSize: number | undefined;
  readonly slots: number | undefined;
  /** Memory that all models together may use; by default, what is free now. */
  readonly memoryBytes?: number | undefined;
}

const extension = '.gguf';

/** The model is not on this disk. */
export class ModelMissing extends Error {
  override readonly name = 'ModelMissing';
}

export class ModelDisk implements ModelFiles {
  readonly #options: ModelDiskOptions;
  readonly #pool: ThreadPool<ReadBlocksTask, BlocksRead>;
  readonly #memory: ModelMemory;
  readonly #machine: MachineFacts;
  #slots: number | undefined;

  constructor(options: ModelDiskOptions) {
    this.#options = options;
    this.#slots = options.slots;
    const machine = readMachine();
    this.#machine = { ...machine, freeMemoryBytes: options.memoryBytes ?? machine.freeMemoryBytes };
    this.#memory = new ModelMemory(options.home);
    const entry = new URL('./read-blocks.js', import.meta.url);
    this.#pool = createThreadPool({ entry });
  }

  /** Memory that all models together may use: no layout needs more. */
  get memoryBytes(): number {
    return this.#machine.freeMemoryBytes;
  }

  /** Requests still running are not answered. */
  close(): Promise<void> {
    return this.#pool.close();
  }

  locate: ModelFiles['locate'] = (wanted, on) =>
    answer(
      () => this.find(wanted),
      (path) => on.found(path),
      (error) => (error instanceof ModelMissing ? on.missing(error.message) : on.refused(error.message)),
    );

  verify: ModelFiles['verify'] = (wanted, path, on) => {
    const read = async () => {
      const info = await inspectGguf(path);
      const { contextSize, memoryBytes } = this.#layoutFor(info);
      const { sha256 } = await this.contentOf(path);
      const isHarmless = this.#memory.isHarmless(sha256);
      const name = basename(path).replace(/\.gguf$/i, '');
      return [{ name, sha256, bytes: info.fileBytes, path, contextSize, memoryBytes }, !isHarmless] as const;
    };
    return answer(
      read,
      ([model, mustProbe]) => on.verified(model, mustProbe),
      (error) => on.refused(error.message),
    );
  };

  rememberProbe: ModelFiles['rememberProbe'] = (sha256) => this.#memory.rememberHarmless(sha256);

  noteFetched: ModelFiles['noteFetched'] = ({ path, content }) => {
    const { mtimeMs: changedMs } = statSync(path);
    this.#memory.learn(new Map([[path, { changedMs, ...content, origin: content.sha256 }]]));
  };

  discard: ModelFiles['discard'] = (path) => {
    rmSync(path, { force: true });
    this.#memory.forget(path);
  };

  /** @throws ModelMissing if there is no such file; another Error if a path was given */
  async find(wanted: string): Promise<string> {
    if (wanted === demoModelName || wanted === 'demo') return this.#demo();
    if (/^[0-9a-f]{64}$/.test(wanted)) return this.#findByHash(wanted);
    if (isAddress(wanted)) {
      const path = (await findModelFiles(this.#options.folders)).get(nameInAddress(wanted));
      if (path !== undefined) return path;
      throw new ModelMissing(`There is no model ${nameInAddress(wanted)} in ${this.#options.folders.join(' or ')}.`);
    }
    if (/[/\\]/.test(wanted) || wanted.toLowerCase().endsWith(extension)) {
      const path = resolve(wanted);
      if (existsSync(path)) return path;
      const inFolder = this.#options.folders.map((folder) => join(folder, basename(wanted))).find(existsSync);
      if (inFolder !== undefined && inFolder.endsWith(wanted)) return inFolder;
      throw new Error(
        `The model ${path} does not exist. Check the path, or put the file into ${this.#options.folders[0] ?? '.'}.`,
      );
    }
    const known = await findModelFiles(this.#options.folders);
    const path = known.get(wanted.toLowerCase());
    if (path !== undefined) return path;
    const meant = nearest(wanted, known.keys());
    const hint =
      meant === undefined ? `Put ${wanted}.gguf into one of them, or give a path.` : `Did you mean ${meant}?`;
    throw new ModelMissing(`There is no model ${wanted} in ${this.#options.folders.join(' or ')}. ${hint}`);
  }

  /** Searches the files whose hash was ever computed. */
  async #findByHash(sha256: string): Promise<string> {
    for (const [path, known] of this.#memory.files) {
      if (known.sha256 !== sha256) continue;
      const now = await stateOf(path).catch(() => undefined);
      if (now !== undefined && isSame(known, now)) return path;
    }
    throw new ModelMissing(`No model on this machine is known to have the SHA-256 ${sha256}.`);
  }

  async #demo(): Promise<string> {
    const folder = this.#options.folders[0] ?? this.#options.home;
    const path = join(folder, `${demoModelName}${extension}`);
    if (existsSync(path)) return path;
    try {
      makeFolder(folder);
      await writeModel('demo', path);
    } catch (error) {
      throw new Error(
        `The demo model cannot be written into ${folder} (${messageOf(error)}). Mend that, or name another folder with QMESH_MODELS.`,
        { cause: error },
      );
    }
    this.rememberProbe((await this.contentOf(path)).sha256);
    return path;
  }

  /** Size and hashes of a file, cached while the file is unchanged. */
  async contentOf(path: string): Promise<ModelContent> {
    const file = await stateOf(path);
    const known = this.#memory.files.get(path);
    if (known?.sha256 !== undefined && known.tree !== undefined && isSame(known, file))
      return { sha256: known.sha256, bytes: file.bytes, tree: known.tree };
    const { sha256, tree: blockTree } = await this.readBlocks(path);
    const tree = Buffer.from(blockTree.root).toString('hex');
    this.#memory.learn(new Map([[path, { ...file, sha256, tree }]]));
    return { sha256, bytes: file.bytes, tree };
  }

  /** Reads the whole file in a thread. */
  readBlocks = (path: string): Promise<BlocksRead> => this.#pool.run({ path });

  /**
   * The number of slots for all engines: the configured one, or what suits the first of these models that is here and
   * fits.
   */
  async chooseSlots(models: readonly string[]): Promise<number> {
    for (const model of models) {
      if (this.#slots !== undefined) break;
      const layout = await this.find(model)
        .then(inspectGguf)
        .then((info) => this.#layoutFor(info))
        .catch(() => undefined); // refused later, with the reason
      this.#slots = layout?.slots;
    }
    this.#slots ??= usualSlots;
    return this.#slots;
  }

  /** @throws GgufError if even the smallest layout does not fit */
  #layoutFor(info: GgufInfo): Layout {
    const layout = chooseLayout(
      this.#machine,
      { ...memoryOf(info), trainedTokens: info.contextLength },
      { contextSize: this.#options.contextSize, slots: this.#slots },
    );
    if ('problem' in layout) throw new GgufError('too_large', info.path, layout.problem);
    return layout;
  }
}

/** Adapts a promise to callbacks that can be cancelled. */
function answer<T>(work: () => Promise<T>, done: (value: T) => void, failed: (error: Error) => void): () => void {
  let isWanted = true;
  work().then(
    (value) => isWanted && done(value),
    (error: unknown) => isWanted && failed(asError(error)),
  );
  return () => {
    isWanted = false;
  };
}
