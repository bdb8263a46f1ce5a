/** `qmesh worker`, and what `node dist/worker.js` runs: serves models until stopped. */
import { Command } from 'commander';
import { lockHome, openHome } from '../../actors/home/home.js';
import { loadIdentity, type Identity } from '../../actors/home/identity.js';
import { balanceIn, keepInStep } from '../../actors/wallet/known-balance.js';
import { ModelMissing, type ModelDisk } from '../../actors/models/model-disk.js';
import { names } from '../../actors/names.js';
import { startWorker } from '../../actors/worker/start-worker.js';
import type { WorkerOptions } from '../../actors/worker/worker-ports.js';
import { checksInThreads } from '../../actors/scores/checks.js';
import { parseAdmin } from '../../admin/address.js';
import { isLoopback } from '../../runtime/address.js';
import { topicName } from '../../protocol/topics.js';
import { messageOf } from '../../runtime/errors.js';
import { createLogger, type Logger } from '../../runtime/log.js';
import { systemClock } from '../../runtime/clock.js';
import { systemRandom } from '../../runtime/random.js';
import { tell } from '../../runtime/tell.js';
import type { Settings } from '../../settings.js';
import { mintersOf } from '../../validator-policy.js';
import { CommandError, exitCode } from '../failure.js';
import { readSettings, withSettings } from '../load-settings.js';
import { withManual } from '../manual.js';
import { untilSignal } from '../signals.js';
import { offerModel } from '../worker/offer-model.js';
import { closeLedger, ledgerIn } from '../worker/open-ledger.js';
import { openAdmin, pageLog } from '../worker/open-admin.js';
import { openModels } from '../worker/open-models.js';
import { modelDisk, treeOptions, workerOptions, workerPorts, type Surroundings } from '../worker/setup.js';
import { noModel, Startup, type StartupEvents } from '../worker/startup.js';

const flags = [
  'model',
  'models',
  'bootstrap',
  'host',
  'network',
  'home',
  'slots',
  'threads',
  'context',
  'memoryMb',
  'gpuLayers',
  'healthOwnLoad',
  'queue',
  'connections',
  'sharePrefix',
  'allow',
  'deny',
  'validators',
  'threshold',
  'minters',
  'seeders',
  'shareModels',
  'upKbps',
  'downKbps',
  'drainMs',
  'schedule',
  'admin',
  'logLevel',
  'inspect',
] as const;

export const workerCommand = (): Command =>
  withManual(
    withSettings(new Command('worker').description('Lend this machine: serve models to the mesh.'), flags).option(
      '--public',
      'join the public mesh: strangers may send prompts to this machine',
    ),
    {
      about: [
        'It runs until Ctrl-C or qmesh stop, and finishes running answers first. Its log',
        'goes to stdout: readable on a terminal, JSON in a pipe.',
        'Exit codes: 0 stopped, 1 failed, 2 used wrongly, 70 an internal fault.',
      ],
      examples: [
        ['qmesh worker', 'the demo model, for this machine only'],
        ['qmesh worker --model ./llama.gguf', 'a model of your own'],
        ['qmesh worker --bootstrap 192.168.1.10:50000', 'in a private mesh'],
        ['qmesh worker --schedule "mon-fri 18:00-08:00"', 'at these hours'],
      ],
      see: ['qmesh status, pause, resume, stop', 'qmesh models', 'docs/configuration.md'],
    },
  ).action((options: Record<string, unknown>) => runWorker(options));

/** Returns when the worker was told to stop and has stopped. */
async function runWorker(options: Readonly<Record<string, unknown>>): Promise<void> {
  const config = readSettings(options);
  const { values } = config;
  const recent = pageLog();
  const log = recent.keeping(createLogger({ level: values.logLevel }));
  const home = openHome(values.home);
  const lock = lockHome(home);
  try {
    const identity = loadIdentity(home, systemRandom, log);
    const chosen = await offerModel(values);
    if (chosen === undefined) process.exitCode = exitCode.interrupted;
    else await serve(chosen, identity, { home, log, admin: openAdmin(config, recent) });
  } finally {
    lock.release();
  }
}

type Place = Pick<Surroundings, 'home' | 'log' | 'admin'>;

async function serve(values: Settings, identity: Identity, place: Place): Promise<void> {
  const { home, log } = place;
  const stopAsked = untilSignal();
  const disk = modelDisk(values);
  try {
    const options = await workerOptions(values, identity, disk);
    await assertSomethingToServe(disk, options.models, log);
    sayWhatIsUnusual(values, log);
    const ledger = await ledgerIn(home, mintersOf(values), log);
    const checks = checksInThreads(topicName('inference', values.network));
    const modelsPort = await openModels(values, identity, disk, log);
    const known = balanceIn(home, identity.id, log);
    const stopKeeping = ledger && keepInStep(known, identity.id, ledger, systemClock);
    try {
      await run(values, options, { ...place, disk, ledger, checks, modelsPort }, stopAsked);
    } finally {
      await modelsPort.close();
      await checks.close();
      stopKeeping?.();
      await closeLedger(ledger);
    }
  } finally {
    await disk.close();
  }
  log.info('worker.stopped');
}

type End = { readonly by: NodeJS.Signals | 'qmesh stop' } | { readonly failure: CommandError };

/**
 * Runs the worker's whole life.
 * @throws CommandError if it ended by itself
 */
async function run(
  values: Settings,
  options: WorkerOptions,
  surroundings: Place & Pick<Surroundings, 'disk' | 'ledger' | 'checks' | 'modelsPort'>,
  stopAsked: Promise<NodeJS.Signals>,
): Promise<void> {
  const { log } = surroundings;
  let end: (how: End) => void = () => {};
  const ended = new Promise<End>((resolve) => (end = resolve));
  let admin: string | null = null;
  const startupEvents: StartupEvents = {
    up: ({ bootstrap, models }) => {
      log.info('worker.ready', { workerId: options.identity.publicKeyHex, models, bootstrap, admin });
      if (values.model.length === 0) log.info('worker.demo', { note: demoNote });
    },
    hopeless: (failure) => end({ failure }),
  };
  const startup = new Startup(options.models.length, startupEvents, systemClock);
  const drain = { isCut: false };
  const cutDrain = (): boolean => drain.isCut && tell(tree.system, names.scheduler, { type: 'drain.cut' });
  const onStopAsked = (how: 'drained' | 'now'): void => {
    drain.isCut ||= how === 'now';
    end({ by: 'qmesh stop' });
    cutDrain();
  };
  const ports = workerPorts(values, {
    ...surroundings,
    startup,
    onStopAsked,
    onAdminReady: (address) => (admin = address),
  });
  const { tree, deps } = startWorker(options, ports, treeOptions(values));
  const offered = (): string[] => deps.board.models.map(({ name }) => name);
  deps.board.onReady(() => startup.loaded(offered()));
  deps.board.onOffered(() => startup.offered(offered()));
  tree.onEscalation((error) => end({ failure: escalated(error) }));
  void stopAsked.then((signal) => end({ by: signal }));

  const how = await ended;
  if ('by' in how) log.info('worker.stopping', { ...how, drainMs: drain.isCut ? 0 : values.drainMs });
  await new Promise<void>((stopped) => {
    tree.stop(stopped);
    cutDrain();
  });
  deps.conduct.flush();
  if ('failure' in how) throw how.failure;
}

const demoNote =
  'This is the built-in demo model, which counts. Ask it: qmesh ask count from 5. A real one: qmesh worker --model FILE.gguf';

function sayWhatIsUnusual({ bootstrap, admin, validators }: Settings, log: Logger): void {
  if (bootstrap.kind === 'public')
    log.warn('mesh.public', {
      note: 'Anyone in the world may now send prompts to this machine, and sees its address.',
    });
  if (bootstrap.kind !== 'local' && validators.length === 0)
    log.warn('points.unprotected', {
      note:
        'No validators are named, so everyone this node meets can attest points. That is fine among friends, but no defence against identities made in bulk. ' +
        'To name some: QMESH_VALIDATORS.',
    });
  const address = parseAdmin(admin);
  if (typeof address === 'object' && !isLoopback(address))
    log.warn('admin.exposed', {
      admin,
      note: 'Anyone who can reach this address can watch this worker. The page shows no prompts, and takes no commands.',
    });
}

/**
 * A path that does not exist is a mistake that its user must fix before anything starts. Other missing models may come
 * from the mesh.
 */
async function assertSomethingToServe(disk: ModelDisk, models: readonly string[], log: Logger): Promise<void> {
  const problems: string[] = [];
  for (const model of models)
    await disk.find(model).catch((error: unknown) => {
      if (!(error instanceof ModelMissing)) problems.push((error as Error).message);
    });
  if (problems.length === models.length) throw noModel(problems);
  for (const problem of problems) log.error('model.missing', { problem });
}

const escalated = (error: unknown): CommandError =>
  new CommandError(
    'the worker gave up',
    messageOf(error),
    'Its log has the cause. A service manager may start it again.',
    { code: 'escalated', exit: exitCode.fault },
  );
