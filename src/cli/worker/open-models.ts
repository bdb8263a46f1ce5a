/** Configures a worker's part in the models network from its settings. */
import { join } from 'node:path';
import type { Identity } from '../../actors/home/identity.js';
import type { ModelDisk } from '../../actors/models/model-disk.js';
import { WorkerModels } from '../../actors/models/worker-models.js';
import { readCatalog } from '../../gguf/catalog.js';
import { modelFolders } from '../../model-folders.js';
import { keyPairFromSeed } from '../../protocol/keys.js';
import { networkSeed, topicName } from '../../protocol/topics.js';
import { systemClock } from '../../runtime/clock.js';
import type { Logger } from '../../runtime/log.js';
import { systemRandom } from '../../runtime/random.js';
import type { Settings } from '../../settings.js';
import { limitOf } from '../models-process.js';

export async function openModels(
  values: Settings,
  { keyPair, seed }: Identity,
  disk: ModelDisk,
  log: Logger,
): Promise<WorkerModels> {
  const network = topicName('models', values.network);
  const [modelsFolder = '.'] = modelFolders(values);
  return new WorkerModels({
    identity: keyPair,
    network,
    key: keyPairFromSeed(networkSeed(seed, network)).publicKeyHex,
    trusted: values.seeders,
    failed: ({ message }) =>
      log.warn('models.shelf_failed', { reason: message, note: 'Models are neither offered nor found in the mesh.' }),
    modelsFolder,
    coresFolder: join(values.home, 'model-cores'),
    catalog: (await readCatalog()).models,
    hub: process.env.HF_ENDPOINT,
    token: process.env.HF_TOKEN,
    upload: limitOf(values.upKbps),
    download: limitOf(values.downKbps),
    shares: values.shareModels,
    readBlocks: disk.readBlocks,
    contentOf: (path) => disk.contentOf(path),
    clock: systemClock,
    random: systemRandom,
  });
}
