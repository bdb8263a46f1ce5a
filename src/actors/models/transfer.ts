/** The transfer step of a fetch, from the mesh or from an address, as an actor of the fetch machine. */
import type { ModelSource } from '../../machines/fetch.js';
import { guardedCallback } from '../../runtime/guarded-callback.js';
import type { FetchDeps } from '../fetch.actor.js';
import { findWhyNoRoom } from './fetch-room.js';
import { fetchFromHttp } from './http-fetch.js';
import { fetchFromMesh } from './mesh-fetch.js';
import { addressOf } from './model-address.js';
import { openFetch } from './model-core.js';
import { PartPlace } from './part-place.js';

/** Leading characters of a peer's key that are shown to people. */
const shownKeyChars = 8;

interface Step {
  readonly wanted: string;
  readonly source: ModelSource | undefined;
}

interface Course {
  /** `bytes` have arrived so far; `seeders` are sending. */
  progress(bytes: number, totalBytes: number | undefined, seeders: number): void;
  arrived(): void;
  failed(error: Error): void;
}

/** @param hearHub receives the SHA-256 as reported by the hub */
export function createTransfer(deps: FetchDeps, hearHub: (sha256: string | undefined) => void) {
  return guardedCallback<Step>(({ input: { source }, sendBack, guard, defer }) => {
    if (source === undefined) return;
    let most = -1;
    const course: Course = {
      progress: guard((bytes: number, totalBytes: number | undefined, seeders: number) => {
        deps.watch.progress({ bytes, totalBytes, seeders });
        if (bytes > most) sendBack({ type: 'fetch.advanced' });
        most = Math.max(most, bytes);
      }),
      arrived: guard(() => sendBack({ type: 'fetch.arrived' })),
      failed: guard((error: Error) => sendBack({ type: 'fetch.refused', reason: error.message })),
    };
    try {
      const place = new PartPlace(deps.modelsFolder, source);
      const unlock = place.lock();
      const end =
        source.kind === 'mesh'
          ? fromMesh(deps, source, place.path, course)
          : fromAddress(deps, source, place.path, course, hearHub);
      defer(() => void end().finally(unlock));
    } catch (error) {
      sendBack({ type: 'fetch.refused', reason: (error as Error).message });
    }
  });
}

type MeshSource = Extract<ModelSource, { kind: 'mesh' }>;
type AddressSource = Extract<ModelSource, { kind: 'uri' }>;

/** @returns a function that ends it and resolves when the part file is released */
function fromMesh(deps: FetchDeps, source: MeshSource, partPath: string, on: Course): () => Promise<void> {
  const { mesh, coresFolder, upload, download, clock, random, watch } = deps;
  let isOver = false;
  let end = (): Promise<void> => Promise.resolve();
  const opened = openFetch(coresFolder, partPath, source.content, upload).then((core) => {
    if (mesh === undefined || isOver) return core.close();
    const fetch = fetchFromMesh(
      { core, swarm: mesh.swarm, download, clock, random },
      {
        progress: ({ bytes, seeders }) => on.progress(bytes, source.content.bytes, seeders),
        blamed: (peerKey, what) => watch.trouble(`seeder ${peerKey.slice(0, shownKeyChars)} ${what}`),
        done: () => on.arrived(),
        failed: (error) => on.failed(error),
      },
    );
    end = () => {
      fetch.cancel();
      return core.close();
    };
    return undefined;
  });
  opened.catch((error: unknown) => on.failed(error as Error));
  return () => {
    isOver = true;
    return opened.catch(() => {}).then(() => end());
  };
}

function fromAddress(
  { modelsFolder, hub, token, download, clock, random, watch }: FetchDeps,
  source: AddressSource,
  partPath: string,
  on: Course,
  hearHub: (sha256: string | undefined) => void,
): () => Promise<void> {
  const { uri, bytes } = source;
  const fetch = fetchFromHttp(
    {
      address: addressOf(uri, hub),
      partPath,
      bytes,
      // The token is for the hub; other addresses do not get it.
      token: uri.startsWith('hf:') ? token : undefined,
      whyNot: (totalBytes) => findWhyNoRoom(modelsFolder, source, totalBytes),
      download,
      clock,
      random,
    },
    {
      progress: (now) => on.progress(now.bytes, now.totalBytes, 1),
      retrying: (reason, delayMs) => watch.trouble(`${reason}; again in ${(delayMs / 1_000).toFixed(1)} s`),
      done: ({ sha256 }) => {
        hearHub(sha256);
        on.arrived();
      },
      failed: (error) => on.failed(error),
    },
  );
  return () => {
    fetch.cancel();
    return Promise.resolve();
  };
}
