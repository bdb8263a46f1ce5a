/** Turns settings into a worker's options and ports. */
import { conductFile } from '../../actors/conduct/conduct-file.js';
import { controlSocket } from '../../actors/control/socket.js';
import { forkEngine } from '../../actors/engine-process.js';
import { createHyperswarmNetwork } from '../../actors/network/hyperswarm-network.js';
import type { Home } from '../../actors/home/home.js';
import type { Identity } from '../../actors/home/identity.js';
import { countEngines, machineLoad } from '../../actors/host/machine-load.js';
import { ModelDisk } from '../../actors/models/model-disk.js';
import { ownerWordIn } from '../../actors/home/owner-word.js';
import type { WorkerOptions, WorkerPorts } from '../../actors/worker/worker-ports.js';
import { demoModelName } from '../../gguf/demo-model.js';
import { tierForOffer } from '../../rules/standing.js';
import { localWallTime, systemClock } from '../../runtime/clock.js';
import { usableCores } from '../../runtime/container-limits.js';
import { messageOf } from '../../runtime/errors.js';
import { lineInspector } from '../../runtime/inspection.js';
import type { Logger } from '../../runtime/log.js';
import { readProcessorTimes } from '../../runtime/processor-times.js';
import { systemRandom } from '../../runtime/random.js';
import type { TreeOptions } from '../../runtime/start-tree.js';
import type { Settings } from '../../settings.js';
import { version } from '../../version.js';
import { modelFolders } from '../../model-folders.js';
import { policyOf } from '../../validator-policy.js';
import type { Startup } from './startup.js';

export const modelDisk = (values: Settings): ModelDisk =>
  new ModelDisk({
    home: values.home,
    folders: modelFolders(values),
    contextSize: values.context,
    slots: values.slots,
    memoryBytes: values.memoryMb === undefined ? undefined : values.memoryMb * 1e6,
  });

/** From the settings; what they leave open is chosen from this machine and the models. */
export async function workerOptions(
  values: Settings,
  { keyPair, seed }: Identity,
  disk: ModelDisk,
): Promise<WorkerOptions> {
  const models = values.model.length > 0 ? values.model : [demoModelName];
  return {
    identity: keyPair,
    seed,
    models,
    networkPrefix: values.network,
    slots: await disk.chooseSlots(models),
    queueCapacity: values.queue,
    drainMs: values.drainMs,
    sharesPrefix: values.sharePrefix,
    schedule: values.schedule,
    maxConnections: values.connections,
    allow: values.allow,
    deny: values.deny,
    validators: policyOf(values),
    modelMemoryBytes: disk.memoryBytes,
    engine: { gpuLayers: values.gpuLayers, threads: values.threads ?? usableCores() },
    cores: readProcessorTimes().cores,
    agent: `qmesh/${version}`,
  };
}

/** What a worker's ports need besides the settings. */
export interface Surroundings extends Pick<
  WorkerPorts,
  'onStopAsked' | 'onAdminReady' | 'admin' | 'log' | 'ledger' | 'checks' | 'modelsPort'
> {
  readonly home: Home;
  readonly disk: ModelDisk;
  readonly startup: Startup;
}

export function workerPorts(
  values: Settings,
  { home, disk, startup, onStopAsked, onAdminReady, admin, log, ledger, checks, modelsPort }: Surroundings,
): WorkerPorts {
  const ambient = { clock: systemClock, random: systemRandom, log };
  const { bootstrap, host } = values;
  const { engines, cpuMs } = countEngines(forkEngine({ onPriorityRefused: sayOnce(log) }));
  return {
    ...ambient,
    network: createHyperswarmNetwork({ ...ambient, bootstrap, host }),
    engines,
    modelFiles: disk,
    modelsPort,
    ledger,
    checks,
    conductStore: conductFile(values.home, systemClock, log),
    onDhtReady: (info) => startup.meshed(info),
    onDhtFailed: (error) => startup.meshFailed(error),
    onModelRefused: (place, reason) => startup.refused(place, reason),
    standing: (account, offer) =>
      ledger === undefined ? 'guest' : tierForOffer({ ...offer, balance: ledger.balanceOf(account) }),
    wallTime: localWallTime,
    ownerWord: ownerWordIn(home, log),
    control: controlSocket(home),
    onStopAsked,
    onAdminReady,
    admin,
    sampleHealth: machineLoad({ clock: systemClock, engineCpuMs: cpuMs, countsOwn: values.healthOwnLoad }),
  };
}

/** Logs only the first refusal, since every engine meets the same one. */
function sayOnce(log: Logger): (error: unknown) => void {
  let isSaid = false;
  return (error) => {
    if (!isSaid)
      log.warn('engine.priority_refused', {
        reason: messageOf(error),
        next: 'Engines compute at the priority of all other programs; allow this user to lower it, or set QMESH_THREADS lower.',
      });
    isSaid = true;
  };
}

export const treeOptions = ({ inspect }: Settings): TreeOptions =>
  inspect ? { inspect: lineInspector((line) => process.stderr.write(`${line}\n`), systemClock) } : {};
