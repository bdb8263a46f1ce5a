/**
 * Checks of what computes: llama.cpp, the graphics card, the models, and how this machine would run those a worker is
 * set to serve.
 */
import { findCards, type Card } from '../../actors/host/devices.js';
import { readMachine } from '../../actors/host/machine-facts.js';
import { listModels, nameOf, type LocalModel } from '../../actors/models/model-library.js';
import { ModelMemory, type HeaderFacts } from '../../actors/models/model-memory.js';
import { basename, resolve } from 'node:path';
import type { DevicesAnswer } from '../../engine/devices.js';
import { demoModelName } from '../../gguf/demo-model.js';
import { readCatalog } from '../../gguf/catalog.js';
import { modelFolders } from '../../model-folders.js';
import { readProcessorTimes } from '../../runtime/processor-times.js';
import { chooseLayout, layersThatFit, type MachineFacts } from '../../rules/choose.js';
import type { Settings } from '../../settings.js';
import { showBytes } from '../sizes.js';
import { fail, ok, warn, type Check, type Finding } from './finding.js';

export const checkLlama = (devices: DevicesAnswer): Finding => {
  if ('problem' in devices)
    return fail(
      `llama.cpp does not run here: ${devices.problem}.`,
      'Install the package again (npm install) on this machine, for its system and processor; on Alpine Linux there is no build of it.',
    );
  return ok(
    `llama.cpp ${devices.release} runs${devices.gpu === false ? ', on the processor' : `, with ${devices.gpu}`}.`,
  );
};

/** What llama.cpp needs to see the cards of each maker. */
const drivers: readonly (readonly [maker: RegExp, advice: string])[] = [
  [/nvidia/i, "Install NVIDIA's driver (nvidia-smi shows whether it works), and start again."],
  [/amd|ati\b|advanced micro/i, 'Install a Vulkan driver for it (on Linux: mesa-vulkan-drivers), and start again.'],
  [/intel/i, 'Install a Vulkan driver for it (on Linux: mesa-vulkan-drivers), and start again.'],
];

/** An unused graphics card is the most common reason for slow answers. */
export const judgeGraphics = (devices: DevicesAnswer, cards: readonly Card[], gpuLayers: number): Finding => {
  const gpu = 'problem' in devices ? false : devices.gpu;
  const here = cards.map(({ name }) => name).join(', ');
  if (gpuLayers === 0)
    return here === '' && gpu === false
      ? ok('There is no graphics card, and GPU_LAYERS=0 asks for none: models run on the processor.')
      : warn(
          `${here || 'A graphics card'} is here but not used, because GPU_LAYERS is 0.`,
          'Remove GPU_LAYERS to use it.',
        );
  if (gpu !== false && 'names' in devices) {
    const which = `${devices.names.join(', ')} (${gpu}), ${showBytes(devices.freeBytes)} of ${showBytes(devices.memoryBytes)} free`;
    return ok(
      `${which}. ${gpuLayers < 0 ? 'As many layers as fit go there.' : `${gpuLayers} layers go there, as set.`}`,
    );
  }
  if (here === '') return ok('There is no graphics card that llama.cpp could use: models run on the processor.');
  const advice = drivers.find(([maker]) => maker.test(here))?.[1] ?? 'Install its driver, and start again.';
  return warn(`${here} is here but not used: llama.cpp does not find it, so models run on the processor.`, advice);
};

export const checkGraphics: Check = async ({ values, recommendation }) =>
  judgeGraphics((await recommendation()).devices, await findCards().catch(() => []), values.gpuLayers);

const libraryOf = (values: Settings): Promise<readonly LocalModel[]> =>
  listModels(modelFolders(values), new ModelMemory(values.home));

/** How many broken models are named. */
const maxNamed = 5;

export const checkModels: Check = async ({ values }) => {
  const models = await libraryOf(values);
  const broken = models.filter(({ problem }) => problem !== undefined);
  if (models.length === 0)
    return ok('There are none yet, so a worker makes its demo model. To find one that fits: qmesh models recommend');
  if (broken.length === 0) return ok(`${models.length} on this machine, none of them broken.`);
  const named = broken
    .slice(0, maxNamed)
    .map(({ name, problem = '' }) => `${name} (${problem.replace(/\.\s.*$/s, '')})`);
  const more = broken.length > maxNamed ? ` and ${broken.length - maxNamed} more` : '';
  return warn(
    `${broken.length} of ${models.length} are broken: ${named.join(', ')}${more}.`,
    'See all with: qmesh models list. Fetch them again, or delete them with: qmesh models rm NAME',
  );
};

/** What a worker would do with each configured model. */
export const checkServing: Check = async ({ values, recommendation }) => {
  const { devices } = await recommendation();
  const machine = readMachine();
  const threads = wordsForThreads(values, machine);
  if (values.model.length === 0) return ok(`Its demo model, ${demoModelName}, which fits anywhere, ${threads}.`);
  const [models, { models: catalog }] = await Promise.all([libraryOf(values), readCatalog()]);
  const findings = values.model.map((wanted) => {
    const model = findIn(models, wanted);
    if (model !== undefined) return judgeModel(model, machine, values, devices);
    return catalog.some(({ name }) => name === wanted.toLowerCase())
      ? warn(`${wanted} is not here.`, `A worker fetches it first; to do it now: qmesh models pull ${wanted}`)
      : fail(
          `${wanted} is not here.`,
          'See what is here: qmesh models list. See what others offer: qmesh models list --mesh',
        );
  });
  return { ...worst(findings), says: `${findings.map(({ says }) => says).join(' ')} Computed ${threads}.` };
};

const findIn = (models: readonly LocalModel[], wanted: string): LocalModel | undefined =>
  models.find(({ name, path, sha256 }) => name === nameIn(wanted) || path === resolve(wanted) || sha256 === wanted);

const nameIn = (wanted: string): string => nameOf(basename(wanted)) ?? wanted.toLowerCase();

function judgeModel(
  { name, header, problem }: LocalModel,
  machine: MachineFacts,
  values: Settings,
  devices: DevicesAnswer,
): Finding {
  if (header === undefined)
    return fail(`${name} is broken: ${problem ?? ''}`, 'Fetch it again: qmesh models rm, then pull.');
  const shape = { ...header.memory, trainedTokens: header.trainedTokens };
  const layout = chooseLayout(machine, shape, { contextSize: values.context, slots: values.slots });
  if ('problem' in layout)
    return fail(`${name} does not fit: ${layout.problem}.`, 'See what fits: qmesh models recommend');
  const { contextSize, slots, memoryBytes, why } = layout;
  return ok(
    `${name}: ${slots} ${slots === 1 ? 'slot' : 'slots'} (${why.slots}), contexts of ${contextSize.toLocaleString('en')} tokens ` +
      `(${why.contextSize}), about ${showBytes(memoryBytes)} of memory${wordsForLayers(header, memoryBytes, values, devices)}.`,
  );
}

function wordsForLayers(
  { blocks = 0 }: HeaderFacts,
  memoryBytes: number,
  { gpuLayers }: Settings,
  devices: DevicesAnswer,
): string {
  if ('problem' in devices || devices.gpu === false || gpuLayers === 0) return '';
  if (gpuLayers > 0) return `, ${Math.min(gpuLayers, blocks)} of ${blocks} layers on the graphics card, as set`;
  const fitting = layersThatFit(memoryBytes, blocks, devices.freeBytes);
  return fitting >= blocks
    ? `, all ${blocks} layers on the graphics card`
    : `, about ${fitting} of ${blocks} layers on the graphics card, as many as fit`;
}

function wordsForThreads({ threads }: Settings, { cores }: MachineFacts): string {
  if (threads !== undefined) return `with ${threads} ${threads === 1 ? 'thread' : 'threads'}, as set`;
  const { cores: all } = readProcessorTimes();
  const why = cores < all ? `limited by the container; the machine has ${all} cores` : 'one for each core';
  return `with ${cores} ${cores === 1 ? 'thread' : 'threads'} (${why}), fewer while other programs need them`;
}

function worst(findings: readonly Finding[]): Finding {
  const byStatus = (status: Finding['status']): Finding | undefined => findings.find((one) => one.status === status);
  return byStatus('fail') ?? byStatus('warn') ?? ok('');
}
