/**
 * The last step of a fetch: the whole file is hashed and its header inspected, and only then is it named as a model.
 */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { inspectGguf } from '../../gguf/inspect.js';
import type { FetchedModel, ModelSource } from '../../machines/fetch.js';
import { keyOf } from './model-key.js';
import type { FetchDeps } from '../fetch.actor.js';
import { forgetPart } from './http-fetch.js';
import { PartPlace } from './part-place.js';

/**
 * @param hubSha256 the SHA-256 reported by the hub that sent it
 * @throws Error if it is not what was promised. Nothing of it is kept then: the next try starts over.
 */
export async function verifyAndPlace(
  deps: FetchDeps,
  source: ModelSource,
  hubSha256: string | undefined,
): Promise<FetchedModel> {
  const place = new PartPlace(deps.modelsFolder, source);
  try {
    const read = await deps.readBlocks(place.path);
    const tree = Buffer.from(read.tree.root).toString('hex');
    blameWrongBytes(deps, source, { sha256: read.sha256, tree }, hubSha256);
    await inspectGguf(place.path).catch((error: unknown) => {
      deps.mesh?.refuse(read.sha256);
      throw error;
    });
    const path = freePath(deps.modelsFolder, source.name, read.sha256);
    renameSync(place.path, path);
    forgetPart(place.path);
    return { path, content: { sha256: read.sha256, bytes: read.bytes, tree } };
  } catch (error) {
    rmSync(place.path, { force: true });
    forgetPart(place.path);
    if (source.kind === 'mesh')
      rmSync(join(deps.coresFolder, Buffer.from(keyOf(source.content)).toString('hex')), { recursive: true, force: true });
    throw error;
  }
}

/** File systems allow 255 bytes; names given by others may be longer. */
const maxFileNameChars = 200;

/**
 * Uses the given name unless it is taken: someone who asked for a file by its hash did not choose the name that others
 * gave it.
 */
function freePath(folder: string, name: string, sha256: string): string {
  const short = name.slice(0, maxFileNameChars);
  const path = join(folder, `${short}.gguf`);
  return existsSync(path) ? join(folder, `${short}-${sha256.slice(0, 8)}.gguf`) : path;
}

function blameWrongBytes(
  { mesh }: FetchDeps,
  source: ModelSource,
  read: { readonly sha256: string; readonly tree: string },
  hubSha256: string | undefined,
): void {
  if (source.kind === 'uri') {
    const promised = source.sha256 ?? hubSha256;
    if (promised !== undefined && promised !== read.sha256)
      throw new Error(`what ${source.uri} sent is not the file that was promised (SHA-256 ${read.sha256}, not ${promised})`);
    return;
  }
  if (source.content.sha256 === read.sha256) return;
  if (source.content.tree !== read.tree) throw new Error('the disk did not keep what was written on it; check the disk');
  // The blocks do belong to the core, so whoever published this card lied about its content.
  const liars = (mesh?.offers ?? []).filter(
    ({ card }) => card.tree === source.content.tree && card.sha256 === source.content.sha256,
  );
  for (const { peerKey } of liars) mesh?.swarm.ban(peerKey);
  throw new Error(`it was offered as a file that it is not, by ${liars.map(({ peerKey }) => peerKey.slice(0, 8)).join(', ')}`);
}
