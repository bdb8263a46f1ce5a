/** From settings to what a worker is built of. */
import { forkEngine } from '../../actors/engine-process.js';
import { createHyperswarmNetwork } from '../../actors/hyperswarm-network.js';
import type { Identity } from '../../actors/identity.js';
import { countEngines, machineLoad } from '../../actors/machine-load.js';
import { ModelDisk } from '../../actors/model-disk.js';
import type { WorkerOptions, WorkerPorts } from '../../actors/worker-ports.js';
import { DEMO_MODEL_NAME } from '../../gguf/demo-model.js';
import { systemClock } from '../../runtime/clock.js';
import { lineInspector } from '../../runtime/inspection.js';
import type { Logger } from '../../runtime/log.js';
import { systemRandom } from '../../runtime/random.js';
import type { TreeOptions } from '../../runtime/start-tree.js';
import type { Settings } from '../../settings.js';
import { version } from '../../version.js';
import { modelFolders } from '../../model-folders.js';
import type { Startup } from './startup.js';

export const modelDisk = (values: Settings): ModelDisk =>
  new ModelDisk({
    home: values.home,
    folders: modelFolders(values),
    contextSize: values.context,
    slots: values.slots,
  });

export const workerOptions = (values: Settings, { keyPair, seed }: Identity): WorkerOptions => ({
  identity: keyPair,
  seed,
  models: values.model.length > 0 ? values.model : [DEMO_MODEL_NAME],
  networkPrefix: values.network,
  slots: values.slots,
  queueCapacity: values.queue,
  drainMs: values.drainMs,
  maxConnections: values.connections,
  engine: {
    gpuLayers: values.gpuLayers,
    ...(values.context === undefined ? {} : { contextSize: values.context }),
    ...(values.threads === undefined ? {} : { threads: values.threads }),
  },
  agent: `qmesh/${version}`,
});

export function workerPorts(values: Settings, modelFiles: ModelDisk, startup: Startup, log: Logger): WorkerPorts {
  const ambient = { clock: systemClock, random: systemRandom, log };
  const { bootstrap, host } = values;
  const { engines, pids } = countEngines(forkEngine());
  return {
    ...ambient,
    network: createHyperswarmNetwork({ ...ambient, bootstrap, host }),
    engines,
    modelFiles,
    onDhtReady: (info) => startup.meshed(info),
    onDhtFailed: (error) => startup.meshFailed(error),
    onModelRefused: (place, reason) => startup.refused(place, reason),
    sampleHealth: machineLoad(systemClock, pids),
  };
}

export const treeOptions = ({ inspect }: Settings): TreeOptions =>
  inspect ? { inspect: lineInspector((line) => process.stderr.write(`${line}\n`), systemClock) } : {};
