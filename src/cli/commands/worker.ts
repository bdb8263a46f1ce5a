/** `qmesh worker`, and what `node dist/worker.js` runs: serves models until it is told to stop. */
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { forkEngine } from '../../actors/engine-process.js';
import { lockHome, openHome } from '../../actors/home.js';
import { createHyperswarmNetwork } from '../../actors/hyperswarm-network.js';
import { loadIdentity } from '../../actors/identity.js';
import { countEngines, machineLoad } from '../../actors/machine-load.js';
import { ModelDisk } from '../../actors/model-disk.js';
import { startWorker, type RunningWorker } from '../../actors/start-worker.js';
import { DEMO_MODEL_NAME } from '../../gguf/demo-model.js';
import { systemClock } from '../../runtime/clock.js';
import { lineInspector } from '../../runtime/inspection.js';
import { createLogger, type Logger } from '../../runtime/log.js';
import { systemRandom } from '../../runtime/random.js';
import type { Settings } from '../../settings.js';
import { version } from '../../version.js';
import { CommandError, exitCode } from '../failure.js';
import { readSettings, withSettings } from '../load-settings.js';
import { untilSignal } from '../signals.js';

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
  'gpuLayers',
  'queue',
  'connections',
  'drainMs',
  'admin',
  'logLevel',
  'inspect',
] as const;

export const workerCommand = (): Command =>
  withSettings(new Command('worker').description('Lend this machine: serve models to the mesh.'), flags)
    .option('--public', 'join the world through public nodes: strangers may send prompts to this machine')
    .addHelpText(
      'after',
      '\nExamples:\n  qmesh worker                          the demo model, for this machine only\n' +
        '  qmesh worker --model ./llama.gguf     a model of your own\n' +
        '  qmesh worker --bootstrap 192.168.1.10:49737   in a private mesh',
    )
    .action((options: Record<string, unknown>) => runWorker(options));

/** Returns when the worker was told to stop and has. */
export async function runWorker(options: Readonly<Record<string, unknown>>): Promise<void> {
  const { values } = readSettings(options.public === true ? { ...options, bootstrap: 'public' } : options);
  const log = createLogger({ level: values.logLevel });
  const home = openHome(values.home);
  const identity = loadIdentity(home, systemRandom);
  for (const warning of identity.warnings) log.warn('home.warning', { warning });
  const lock = await lockHome(home);
  try {
    await serve(values, home.path, identity, log);
  } finally {
    await lock.release();
  }
}

async function serve(
  values: Settings,
  homePath: string,
  identity: ReturnType<typeof loadIdentity>,
  log: Logger,
): Promise<void> {
  const disk = new ModelDisk({
    home: homePath,
    folders: [resolve(values.models ?? join(homePath, 'models')), resolve('models')],
    contextSize: values.context,
    slots: values.slots,
  });
  const models = values.model.length > 0 ? values.model : [DEMO_MODEL_NAME];
  await assertSomethingToServe(disk, models, log);
  if (values.bootstrap.kind === 'public')
    log.warn('mesh.public', {
      note: 'Anyone in the world may now send prompts to this machine, and sees its address.',
    });

  let giveUp: (error: Error) => void = () => {};
  const failed = new Promise<Error>((resolve) => (giveUp = resolve));
  const { engines, pids } = countEngines(forkEngine());
  const refused = new Map<number, string>();
  let bootstrap: string | undefined;
  let wasReady = false;
  const worker: RunningWorker = startWorker(
    {
      identity: identity.keyPair,
      seed: identity.seed,
      models,
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
    },
    {
      clock: systemClock,
      random: systemRandom,
      log,
      network: createHyperswarmNetwork({
        bootstrap: values.bootstrap,
        host: values.host,
        clock: systemClock,
        random: systemRandom,
        log,
      }),
      engines,
      modelFiles: disk,
      onDhtReady: (info) => {
        bootstrap = info.bootstrap;
        sayWhenReady();
      },
      onModelRefused: (place, reason) => {
        refused.set(place, reason);
        if (!wasReady && refused.size === models.length) giveUp(new NothingToServe([...refused.values()]));
      },
      sampleHealth: machineLoad(systemClock, pids),
    },
    values.inspect ? { inspect: lineInspector((line) => process.stderr.write(`${line}\n`), systemClock) } : {},
  );
  worker.tree.onEscalation((error) => giveUp(error instanceof Error ? error : new Error(String(error))));
  worker.deps.board.onReady(() => sayWhenReady());

  function sayWhenReady(): void {
    if (wasReady || bootstrap === undefined || worker.deps.board.models.length === 0) return;
    wasReady = true;
    const served = worker.deps.board.models.map(({ name }) => name);
    log.info('worker.ready', { workerId: identity.keyPair.publicKeyHex, models: served, bootstrap, admin: null });
    if (models[0] === DEMO_MODEL_NAME)
      log.info('worker.demo', {
        note: 'This serves the built-in demo model. For a real one: qmesh worker --model FILE.gguf',
      });
  }

  const stopping = untilSignal().then((signal) => {
    log.info('worker.stopping', { signal, drainMs: values.drainMs });
    return new Promise<undefined>((done) => worker.tree.stop(() => done(undefined)));
  });
  const failure = await Promise.race([failed, stopping]);
  if (failure instanceof NothingToServe) await new Promise<void>((done) => worker.tree.stop(done));
  await disk.close();
  if (failure !== undefined) throw asCommandError(failure);
  log.info('worker.stopped');
}

class NothingToServe extends Error {
  constructor(readonly reasons: readonly string[]) {
    super(reasons.join('; '));
  }
}

function asCommandError(failure: Error): CommandError {
  if (failure instanceof NothingToServe)
    return new CommandError(
      'no model can be served',
      failure.message,
      'Give another one with --model, or none for the demo model.',
      exitCode.failed,
      'nothing_to_serve',
    );
  return new CommandError(
    'the worker gave up',
    failure.message,
    'Its log has the cause. A service manager may start it again.',
    exitCode.fault,
    'escalated',
  );
}

/** A model that is simply not there is the user's to mend, before anything is started. */
async function assertSomethingToServe(disk: ModelDisk, models: readonly string[], log: Logger): Promise<void> {
  const problems: string[] = [];
  for (const model of models) await disk.find(model).catch((error: unknown) => problems.push((error as Error).message));
  if (problems.length === models.length)
    throw new CommandError(
      'no model can be served',
      problems.join('\n  '),
      'List what is there, or start without --model for the demo model.',
      exitCode.usage,
      'model_missing',
    );
  for (const problem of problems) log.error('model.missing', { problem });
}
