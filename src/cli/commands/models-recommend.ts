/** `qmesh models recommend`: which model fits this machine best, and why; `--pull` fetches it. */
import { Command } from 'commander';
import { lendableBytes, type Ranked } from '../../rules/recommend.js';
import { canAsk, confirm } from '../confirm.js';
import { CommandError } from '../failure.js';
import { fetchBar, fetchModel } from '../fetch-model.js';
import { readSettings, withSettings } from '../load-settings.js';
import { withManual } from '../manual.js';
import { modelsSettings } from '../models-process.js';
import { paintFor } from '../paint.js';
import { bestOf, recommendHere, type KnownModel, type Recommendation } from '../recommendation.js';
import { showBytes } from '../sizes.js';
import { table } from '../table.js';
import { tell } from './models-pull.js';

interface RecommendFlags extends Readonly<Record<string, unknown>> {
  readonly pull?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

export const recommendCommand = (): Command =>
  withManual(
    withSettings(new Command('recommend').description('Say which model fits this machine best, and why.'), [
      ...modelsSettings,
      'gpuLayers',
    ])
      .option('--pull', 'fetch it, after asking')
      .option('-y, --yes', 'with --pull: do not ask')
      .option('--json', 'print one JSON object'),
    {
      about: [
        'Looks at memory, graphics card and disk. The best model is the largest that fits',
        'and answers about as fast as people read. Speeds are estimates.',
      ],
      examples: [
        ['qmesh models recommend', 'look only'],
        ['qmesh models recommend --pull', 'and fetch it'],
      ],
      see: ['qmesh models list', 'qmesh doctor'],
    },
  ).action((flags: RecommendFlags) => recommend(flags));

async function recommend({ pull = false, yes = false, json = false, ...options }: RecommendFlags): Promise<void> {
  const { values } = readSettings(options);
  const found = await recommendHere(values);
  const best = bestOf(found);
  if (json) process.stdout.write(`${JSON.stringify(asJson(found))}\n`);
  else process.stdout.write(`${page(found)}\n`);
  if (best === undefined)
    throw new CommandError(
      'no model of the catalog fits this machine',
      found.ranked[0]?.why ?? '',
      'The demo model always does: qmesh worker',
      {
        code: 'none_fits',
      },
    );
  if (!pull || best.model.isHere) return;
  const { name, bytes, licence } = best.model;
  if (!yes && !canAsk())
    throw new CommandError(
      `${name} was not fetched`,
      'Nobody is there to be asked whether to.',
      `Fetch it with: qmesh models pull ${name}`,
      {
        code: 'not_confirmed',
      },
    );
  if (!yes && !(await confirm(`Fetch ${name}, ${showBytes(bytes)}, licence ${licence}?`, true))) return;
  const watch = fetchBar();
  const outcome = await fetchModel(name, values, watch).finally(() => watch.end());
  tell(name, outcome, json);
}

const asJson = ({ place, devices, ranked }: Recommendation): object => ({
  machine: { ...place, graphics: 'problem' in devices ? null : devices.gpu === false ? 'cpu' : devices.gpu },
  best: ranked[0]?.fit === 'none' ? null : (ranked[0]?.model.name ?? null),
  models: ranked.map(({ model, fit, tokensPerSecond, why }) => ({
    name: model.name,
    fit,
    tokensPerSecond: tokensPerSecond ?? null,
    why,
    bytes: model.bytes,
    memoryBytes: model.memoryBytes,
    licence: model.licence,
    present: model.isHere,
  })),
});

function page(found: Recommendation): string {
  const { place, devices, ranked } = found;
  const paint = paintFor(process.stdout);
  const graphics =
    'problem' in devices || devices.gpu === false
      ? 'no graphics card that llama.cpp can use'
      : `${devices.names.join(', ')} (${devices.gpu}, ${showBytes(devices.memoryBytes)})`;
  const best = bestOf(found);
  const rows = ranked.filter((one) => one !== best).map(row);
  return [
    `This machine: ${place.cores} cores, ${showBytes(place.memoryBytes)} of memory (${showBytes(lendableBytes(place))} can be lent),`,
    `  ${showBytes(place.freeDiskBytes)} free on the disk, ${graphics}.`,
    '',
    ...(best === undefined ? [] : [...praise(best).map((line, i) => (i === 0 ? paint.bold(line) : line)), '']),
    'Others:',
    table(['NAME', 'SIZE', 'FIT', 'WHY'], rows, { right: [1] }),
  ].join('\n');
}

/** The largest model that is fast enough, or else the fastest of the slow ones. */
function praise({ model, fit, why }: Ranked<KnownModel>): readonly string[] {
  const { name, bytes, licence, note, isHere } = model;
  return [
    `Best for it: ${name}`,
    `  ${note}`,
    `  ${showBytes(bytes)}, licence ${licence}`,
    `  Why: ${fit === 'good' ? 'the largest that is quick here' : 'the smallest; none is quick here'}: ${why}.`,
    ...(isHere ? ['  It is here already.'] : [`  Fetch it:  qmesh models pull ${name}`]),
    `  Serve it:  qmesh worker --model ${name}`,
  ];
}

const words = { good: 'good', slow: 'slow', none: 'no' };

const row = ({ model, fit, why }: Ranked<KnownModel>): readonly string[] => [
  model.name,
  showBytes(model.bytes),
  model.isHere ? `${words[fit]}, here` : words[fit],
  why,
];
