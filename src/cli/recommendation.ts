/** Which models of the catalog fit this machine, best first: for `recommend`, `doctor`, and a worker's first start. */
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { askDevices } from '../actors/host/devices.js';
import { readMachine } from '../actors/host/machine-facts.js';
import { findModelFiles } from '../actors/models/model-library.js';
import { readCatalog, type CatalogEntry } from '../gguf/catalog.js';
import { modelFolders } from '../model-folders.js';
import { rankModels, type Place, type Ranked } from '../rules/recommend.js';
import type { Settings } from '../settings.js';
import type { DevicesAnswer } from '../engine/devices.js';

export type KnownModel = CatalogEntry & { readonly isHere: boolean };

export interface Recommendation {
  readonly place: Place;
  /** The devices that llama.cpp would compute on. */
  readonly devices: DevicesAnswer;
  readonly ranked: readonly Ranked<KnownModel>[];
}

export async function recommendHere(values: Settings): Promise<Recommendation> {
  const folders = modelFolders(values);
  const devices = await askDevices();
  const place = await placeOf(folders[0] ?? '.', usableGraphicsBytes(values, devices));
  const files = await findModelFiles(folders);
  const models = (await readCatalog()).models.map((entry) => ({ ...entry, isHere: files.has(entry.name) }));
  return { place, devices, ranked: rankModels(models, place) };
}

/** The first one, if it can be served here at all. */
export const bestOf = ({ ranked }: Recommendation): Ranked<KnownModel> | undefined =>
  ranked[0]?.fit === 'none' ? undefined : ranked[0];

/** A Mac's graphics share the machine's memory, so what they may use counts as ordinary memory. */
const usableGraphicsBytes = ({ gpuLayers }: Settings, devices: DevicesAnswer): number =>
  gpuLayers === 0 || 'problem' in devices || devices.gpu === false ? 0 : devices.memoryBytes;

async function placeOf(folder: string, graphicsBytes: number): Promise<Place> {
  return { ...readMachine(), freeDiskBytes: await freeDiskBytes(folder), graphicsBytes };
}

/** Free space on the disk where this folder is or would be created. */
export async function freeDiskBytes(folder: string): Promise<number> {
  for (let path = folder; ; path = dirname(path)) {
    try {
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    } catch (error) {
      if (path === dirname(path)) throw error;
    }
  }
}
