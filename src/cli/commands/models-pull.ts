/** `qmesh models pull NAME`: a model from the mesh or from its address, into the models folder. What is there when it is stopped, stays. */
import { join } from 'node:path';
import { Command } from 'commander';
import { createActor } from 'xstate';
import { createFetch, type FetchWatch } from '../../actors/models/fetch.actor.js';
import { readCatalog } from '../../gguf/catalog.js';
import type { FetchOutcome, ModelSource } from '../../machines/fetch.js';
import { systemClock } from '../../runtime/clock.js';
import { systemRandom } from '../../runtime/random.js';
import { CommandError, exitCode } from '../failure.js';
import { readSettings, withSettings } from '../load-settings.js';
import { modelFolders } from '../../model-folders.js';
import { createHasher, joinMesh, limitOf, modelsSettings } from '../models-process.js';
import { megabytes, progressLine } from '../progress-line.js';

export const pullCommand = (): Command =>
  withSettings(
    new Command('pull')
      .description('Fetch a model from the mesh, or from its address.')
      .argument(
        '<name>',
        'a name of the catalog or of a model in the mesh, a SHA-256, hf:user/repository/file.gguf, or https://…',
      ),
    modelsSettings,
  )
    .option('--json', 'print one JSON line for each thing that happens')
    .addHelpText('after', '\nCtrl-C keeps what has arrived; the same command goes on from there.')
    .action((name: string, { json, ...options }: Record<string, unknown>) => pull(name, options, json === true));

async function pull(wanted: string, options: Readonly<Record<string, unknown>>, json: boolean): Promise<void> {
  const { values } = readSettings(options);
  const mesh = await joinMesh(values, systemRandom.bytes(32)).catch(() => undefined); // an address may do without
  const hasher = createHasher();
  const [modelsFolder = '.'] = modelFolders(values);
  const watch = json ? jsonWatch() : lineWatch();
  try {
    const actor = createActor(
      createFetch({
        modelsFolder,
        coresFolder: join(values.home, 'model-cores'),
        catalog: (await readCatalog()).models,
        mesh: mesh?.mesh,
        hub: process.env.HF_ENDPOINT,
        token: process.env.HF_TOKEN,
        upload: limitOf(values.upKbps),
        download: limitOf(values.downKbps),
        readBlocks: hasher.readBlocks,
        clock: systemClock,
        random: systemRandom,
        watch,
      }),
      { input: { wanted }, clock: systemClock },
    );
    const outcome = await new Promise<FetchOutcome>((resolve, reject) => {
      actor.subscribe({ complete: () => resolve(actor.getSnapshot().output ?? { kind: 'stopped' }), error: reject });
      process.once('SIGINT', () => actor.send({ type: 'sys.shutdown' }));
      actor.start();
    });
    watch.end();
    tell(wanted, outcome, json);
  } finally {
    await hasher.close();
    await new Promise<void>((resolve) => (mesh === undefined ? resolve() : mesh.close(resolve)));
  }
}

function tell(wanted: string, outcome: FetchOutcome, json: boolean): void {
  switch (outcome.kind) {
    case 'fetched': {
      const { path, content } = outcome.model;
      if (json) process.stdout.write(`${JSON.stringify({ event: 'fetched', path, ...content })}\n`);
      else process.stdout.write(`${path}\n  ${megabytes(content.bytes)}, SHA-256 ${content.sha256}\n`);
      return;
    }
    case 'stopped':
      process.exitCode = exitCode.interrupted;
      if (!json) process.stderr.write('Stopped. The same command goes on from here.\n');
      return;
    case 'failed':
      throw new CommandError(
        `${wanted} cannot be fetched`,
        outcome.reasons.join('\n  '),
        'What has arrived is kept where it was good; the same command tries again.',
        { reason: 'fetch_failed' },
      );
  }
}

type EndingWatch = FetchWatch & { end(): void };

function lineWatch(): EndingWatch {
  const line = progressLine(process.stderr, systemClock);
  return {
    source: (source) => line.say(whence(source)),
    progress: ({ bytes, totalBytes, seeders }) => line.update(bytes, totalBytes, seeders),
    trouble: (what) => line.say(`  ${what}`),
    verifying: () => line.say('Verifying…'),
    end: () => line.end(),
  };
}

function whence(source: ModelSource): string {
  const memory =
    source.memoryBytes === undefined ? '' : `; serving it takes about ${megabytes(source.memoryBytes)} of memory`;
  return source.kind === 'mesh'
    ? `${source.name}, ${megabytes(source.content.bytes)}, from the mesh${memory}`
    : `${source.name} from ${source.uri}${memory}`;
}

function jsonWatch(): EndingWatch {
  const say = (event: string, fields: object = {}): void =>
    void process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
  return {
    source: (source) =>
      say('source', { kind: source.kind, name: source.name, memoryBytes: source.memoryBytes ?? null }),
    progress: (now) => say('progress', now),
    trouble: (what) => say('trouble', { what }),
    verifying: () => say('verifying'),
    end: () => {},
  };
}
