/**
 * Parent: whoever needs a model that is not here. Ends when the model is in place or cannot be had. Reports progress to
 * a `FetchWatch`, such as a progress bar or a log.
 */
import type { CatalogEntry } from '../gguf/catalog.js';
import { fetchMachine } from '../machines/fetch.machine.js';
import type { ModelSource } from '../machines/fetch.js';
import type { Clock } from '../runtime/clock.js';
import { guardedCallback } from '../runtime/guarded-callback.js';
import type { Random } from '../runtime/random.js';
import { sourcesOf, wantedInMesh } from './models/fetch-sources.js';
import { findWhyNoRoom } from './models/fetch-room.js';
import { createTransfer } from './models/transfer.js';
import type { MeshView, ModelMesh } from './models/model-mesh.js';
import type { BlocksRead } from './models/read-blocks.js';
import type { Throttle } from './models/throttle.js';
import { verifyAndPlace } from './models/verify-and-place.js';

/**
 * How long to listen to the mesh before taking the catalog's address, and before concluding that nobody has the model.
 */
const meshFirstMs = 3_000;
const meshOnlyMs = 20_000;
/**
 * The same once all known nodes have said what they offer. Nodes that joined at the same moment find each other at the
 * second look, after 5 s.
 */
const meshHeardMs = 6_000;
const lookPeriodMs = 100;

export interface FetchWatch {
  /** None of the connected nodes has it. Called again when that set changes. */
  searching(mesh: MeshView): void;
  /** A source is about to be tried. */
  source(source: ModelSource): void;
  progress(now: { readonly bytes: number; readonly totalBytes: number | undefined; readonly seeders: number }): void;
  /** Something went wrong that is not the end: a seeder was dropped, a try broke, nothing arrives. */
  trouble(what: string): void;
  verifying(): void;
}

export interface FetchDeps {
  readonly modelsFolder: string;
  /** The folder of the cores. */
  readonly coresFolder: string;
  readonly catalog: readonly CatalogEntry[];
  /** Undefined without a network. */
  readonly mesh: ModelMesh | undefined;
  readonly hub: string | undefined;
  readonly token: string | undefined;
  readonly upload: Throttle;
  readonly download: Throttle;
  /** Runs in a thread. */
  readonly readBlocks: (path: string) => Promise<BlocksRead>;
  readonly clock: Clock;
  readonly random: Random;
  readonly watch: FetchWatch;
}

interface Step {
  readonly wanted: string;
  readonly source: ModelSource | undefined;
}

export function createFetch(deps: FetchDeps): typeof fetchMachine {
  /** The hub's SHA-256 of the file that arrived last. */
  let hubSha256: string | undefined;
  const findRoom = guardedCallback<Step>(({ input, sendBack, guard }) => {
    if (input.source === undefined) return;
    findWhyNoRoom(deps.modelsFolder, input.source).then(
      guard((reason: string | undefined) =>
        sendBack(reason === undefined ? { type: 'room.found' } : { type: 'fetch.refused', reason }),
      ),
      guard((error: Error) => sendBack({ type: 'fetch.refused', reason: error.message })),
    );
  });
  const verify = guardedCallback<Step>(({ input, sendBack, guard }) => {
    if (input.source === undefined) return;
    deps.watch.verifying();
    verifyAndPlace(deps, input.source, hubSha256).then(
      guard((model) => sendBack({ type: 'fetch.verified', model })),
      guard((error: Error) => sendBack({ type: 'fetch.refused', reason: error.message })),
    );
  });
  return fetchMachine.provide({
    actors: {
      findSources: createFindSources(deps),
      findRoom,
      transfer: createTransfer(deps, (sha256) => (hubSha256 = sha256)),
      verify,
    },
    actions: {
      announceSource: ({ context }) => {
        if (context.sources[0] !== undefined) deps.watch.source(context.sources[0]);
      },
      announceStall: () => deps.watch.trouble('nobody sends; waiting for others'),
    },
  });
}

/** Listens to the mesh for a while: connected nodes send their cards within milliseconds, but must be found first. */
function createFindSources({ mesh, catalog, clock, watch }: FetchDeps) {
  return guardedCallback<{ readonly wanted: string }>(({ input, sendBack, every, guard, after, defer }) => {
    const name = wantedInMesh(input.wanted, catalog);
    if (mesh !== undefined && name !== undefined) defer(mesh.want(name));
    const startMs = clock.monotonicMs();
    let told = '';
    const tell = (view: MeshView): void => {
      if (told !== (told = JSON.stringify(view))) watch.searching(view);
    };
    const look = (): void => {
      const sources = sourcesOf({ wanted: input.wanted, catalog, offers: mesh?.offers ?? [] });
      const waitMs =
        mesh === undefined ? 0 : sources.length > 0 ? meshFirstMs : mesh.isHeard ? meshHeardMs : meshOnlyMs;
      const isLate = clock.monotonicMs() - startMs >= waitMs;
      if (sources.some(({ kind }) => kind === 'mesh') || (isLate && sources.length > 0))
        sendBack({ type: 'sources.found', sources });
      else if (isLate) sendBack({ type: 'fetch.refused', reason: whyNoSource(input.wanted, mesh) });
      else if (mesh !== undefined) tell(mesh.view);
    };
    every(lookPeriodMs, look);
    after(0, guard(look));
  });
}

function whyNoSource(wanted: string, mesh: ModelMesh | undefined): string {
  const whoHasNot =
    mesh === undefined
      ? `there is no mesh here to ask for ${wanted}`
      : `nobody in the mesh offers ${wanted} (${describeMesh(mesh.view)})`;
  return (
    `${whoHasNot}, and the catalog has no such name; ` +
    'see qmesh models list, or give an address: hf:user/repository/file.gguf'
  );
}

const shownNames = 5;

/** How many nodes are connected and what they offer, in words. */
export function describeMesh({ peers, offered }: MeshView): string {
  if (peers === 0) return 'no node that may be asked is there';
  const nodes = peers === 1 ? '1 node is there, and offers' : `${peers} nodes are there, and offer`;
  if (offered.length === 0) return `${nodes} nothing`;
  const more = offered.length > shownNames ? ` and ${offered.length - shownNames} more` : '';
  return `${nodes} ${offered.slice(0, shownNames).join(', ')}${more}`;
}
