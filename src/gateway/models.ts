/** `GET /v1/models`: what the connected workers serve now, one entry per name. */
import type { WorkerView } from '../client/client.js';
import { isModel } from '../protocol/model-name.js';
import { nearest } from '../runtime/near-match.js';
import { ApiError } from './api-error.js';
import type { MeshClient } from './choices.js';

interface ModelEntry {
  readonly id: string;
  readonly object: 'model';
  /** Unix seconds. Always 0: nobody in a mesh knows when a model was made. */
  readonly created: 0;
  readonly owned_by: 'qmesh';
  readonly sha256: string;
  /** Tokens of prompt and answer together, at the worker with the longest context. */
  readonly context_length: number;
  readonly capabilities: readonly string[];
  readonly workers: number;
}

export function modelList(client: MeshClient): ModelEntry[] {
  const entries = new Map<string, ModelEntry>();
  for (const { name, sha256, contextSize, capabilities } of offers(client.workers())) {
    const known = entries.get(name);
    entries.set(name, {
      id: name,
      object: 'model',
      created: 0,
      owned_by: 'qmesh',
      sha256,
      context_length: Math.max(contextSize, known?.context_length ?? 0),
      capabilities,
      workers: 1 + (known?.workers ?? 0),
    });
  }
  return [...entries.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** By name or SHA-256. @throws ApiError 404 */
export function modelNamed(client: MeshClient, wanted: string): ModelEntry {
  const models = modelList(client);
  const found = models.find(({ id, sha256 }) => isModel({ name: id, sha256 }, wanted));
  if (found === undefined) throw modelNotFound(client, wanted);
  return found;
}

export function modelNotFound(client: MeshClient, wanted: string): ApiError {
  const names = modelList(client).map(({ id }) => id);
  const meant = nearest(wanted, names);
  const hint =
    names.length === 0
      ? 'no worker is connected'
      : meant === undefined
        ? `they serve ${shown(names)}`
        : `did you mean ${meant}?`;
  return new ApiError(404, `No worker here serves ${wanted}; ${hint}`, { param: 'model', code: 'model_not_found' });
}

interface Served {
  readonly name: string;
  readonly sha256: string;
}

/**
 * The model of a worker that answers; if none was named, the first it serves. A model on this disk is known only at the
 * end.
 */
export function servedBy(
  client: MeshClient,
  worker: string | undefined,
  wanted: string | undefined,
): Served | undefined {
  const models = client.workers().find((each) => each.worker === worker)?.status.models ?? [];
  return wanted === undefined ? models[0] : models.find((model) => isModel(model, wanted));
}

/** Maximum number of names in one message. */
const maxShown = 8;
const shown = (names: readonly string[]): string =>
  [...names.slice(0, maxShown), ...(names.length > maxShown ? ['…'] : [])].join(', ');

const offers = (workers: readonly WorkerView[]) =>
  workers.filter(({ isFresh }) => isFresh).flatMap(({ status }) => status.models);
