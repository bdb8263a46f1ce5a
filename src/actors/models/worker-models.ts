/**
 * A worker's side of the models network: fetches the models it lacks and shares those it has. It lives outside the
 * actors, because the topic's actor supplies connections, each model's actor asks for its own model, and either may be
 * restarted.
 */
import { basename } from 'node:path';
import type { NoiseStream } from 'hyperswarm';
import type { CatalogEntry } from '../../gguf/catalog.js';
import { partOf } from '../../gguf/split.js';
import type { fetchMachine } from '../../machines/fetch.machine.js';
import type { ServedModel } from '../../machines/model.js';
import type { ModelContent } from '../../protocol/model-content.js';
import { createFetch, type FetchDeps, type FetchWatch } from '../fetch.actor.js';
import { ModelMesh, type ModelMeshOptions } from './model-mesh.js';
import { shareModel, type SharedModel } from './share-model.js';

/** A port: absent in a simulated mesh and in a client's own worker. */
export interface ModelsPort {
  /** Takes over a connection of the models network. */
  attach(stream: NoiseStream): void;
  /** Fetches a model into the models folder. */
  createFetch(watch: FetchWatch): typeof fetchMachine;
  /**
   * Shares a model once its core is open. `failed` is called at most once.
   * @returns a function that withdraws it
   */
  share(model: ServedModel, failed: (error: Error) => void): () => void;
  /** The file is what was offered, but is not a model that may be served. */
  refuse(sha256: string): void;
}

export interface WorkerModelsOptions extends ModelMeshOptions, Omit<FetchDeps, 'mesh' | 'watch'> {
  readonly catalog: readonly CatalogEntry[];
  /** If false, nothing is shared, and a model being fetched is passed on only during the fetch. */
  readonly shares: boolean;
  readonly contentOf: (path: string) => Promise<ModelContent>;
}

export class WorkerModels implements ModelsPort {
  readonly #options: WorkerModelsOptions;
  readonly #mesh: ModelMesh;
  /** By SHA-256. */
  readonly #shared = new Set<string>();
  /** Cores being closed. Opening a core waits for them. */
  readonly #closing = new Set<Promise<void>>();

  constructor(options: WorkerModelsOptions) {
    this.#options = options;
    this.#mesh = new ModelMesh(options);
  }

  attach(stream: NoiseStream): void {
    this.#mesh.attach(stream);
  }

  createFetch(watch: FetchWatch): typeof fetchMachine {
    return createFetch({ ...this.#options, mesh: this.#mesh, watch });
  }

  share({ path, sha256 }: ServedModel, failed: (error: Error) => void): () => void {
    // The same file under two names has one core and one card.
    if (!this.#options.shares || partOf(basename(path)) !== undefined || this.#shared.has(sha256)) return () => {};
    this.#shared.add(sha256);
    let isWanted = true;
    const shared = this.#open(path);
    shared.catch((error: unknown) => {
      if (isWanted) failed(error as Error);
    });
    return () => {
      isWanted = false;
      this.#shared.delete(sha256);
      const closed = shared.then((model) => model.close()).catch(() => {});
      this.#closing.add(closed);
      void closed.then(() => this.#closing.delete(closed));
    };
  }

  refuse(sha256: string): void {
    this.#mesh.refuse(sha256);
  }

  /** To be called when the actors are gone. Never rejects. */
  async close(): Promise<void> {
    await Promise.all(this.#closing);
    await this.#mesh.close();
  }

  async #open(path: string): Promise<SharedModel> {
    await Promise.all(this.#closing);
    const { contentOf, readBlocks, coresFolder, upload, catalog } = this.#options;
    const readTree = async () => (await readBlocks(path)).tree;
    return shareModel(path, await contentOf(path), { mesh: this.#mesh, coresFolder, upload, catalog, readTree });
  }
}
