/** `qmesh models rm NAME`: deletes a model of this machine, unless a worker serves it. */
import { rmSync, statSync } from 'node:fs';
import { Command } from 'commander';
import { askWorker } from '../../actors/control/ask.js';
import { findModelFiles } from '../../actors/models/model-library.js';
import { ModelMemory } from '../../actors/models/model-memory.js';
import { filesOf } from '../../gguf/split.js';
import { modelFolders } from '../../model-folders.js';
import { canAsk, confirm } from '../confirm.js';
import { CommandError, exitCode } from '../failure.js';
import { noSuchModel } from '../local-models.js';
import { readSettings, withSettings } from '../load-settings.js';
import { withManual } from '../manual.js';
import { showBytes } from '../sizes.js';

interface RemoveFlags extends Readonly<Record<string, unknown>> {
  readonly yes?: boolean;
  readonly json?: boolean;
}

export const rmCommand = (): Command =>
  withManual(
    withSettings(
      new Command('rm')
        .alias('remove')
        .description('Delete a model from this machine.')
        .argument('<name>', 'as `qmesh models list` shows it'),
      ['models', 'home'],
    )
      .option('-y, --yes', 'do not ask')
      .option('--json', 'print one JSON object'),
    {
      about: ['It refuses while this home’s worker is serving the model.'],
      examples: [
        ['qmesh models rm llama', 'asks first'],
        ['qmesh models rm llama --yes', 'for scripts'],
      ],
    },
  ).action((name: string, flags: RemoveFlags) => remove(name, flags));

async function remove(wanted: string, { yes = false, json = false, ...options }: RemoveFlags): Promise<void> {
  const { values } = readSettings(options);
  const folders = modelFolders(values);
  const files = await findModelFiles(folders);
  const name = wanted.toLowerCase().replace(/\.gguf$/, '');
  const path = files.get(name);
  if (path === undefined) throw noSuchModel(wanted, files.keys(), folders);
  await assertNotServed(name, values.home);
  const size = filesOf(path).reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
  if (!yes && !(await isSure(name, path, size))) {
    process.stderr.write('Nothing was deleted.\n');
    return;
  }
  await assertNotServed(name, values.home); // a worker may have started while the question was open
  try {
    for (const file of filesOf(path)) rmSync(file, { force: true });
  } catch (error) {
    throw new CommandError(`${path} cannot be deleted`, (error as Error).message, 'Delete it as a user who may.', {
      code: 'not_deleted',
    });
  }
  new ModelMemory(values.home).forget(path);
  process.stdout.write(
    json ? `${JSON.stringify({ name, path, bytes: size })}\n` : `Deleted ${path}, ${showBytes(size)}.\n`,
  );
}

/** @throws CommandError if nobody is there to confirm */
async function isSure(name: string, path: string, bytes: number): Promise<boolean> {
  if (canAsk()) return confirm(`Delete ${name} (${showBytes(bytes)}, ${path})?`, false);
  throw new CommandError(
    `${name} was not deleted`,
    'Nobody is there to be asked whether to.',
    `Say so with: qmesh models rm ${name} --yes`,
    { code: 'not_confirmed', exit: exitCode.usage },
  );
}

async function assertNotServed(name: string, home: string): Promise<void> {
  const answer = await askWorker({ path: home }, { do: 'status' }).catch(() => 'none' as const);
  if (answer === 'none') return;
  if (typeof answer === 'object' && 'report' in answer) {
    if (!answer.report.models.some((model) => model.name.toLowerCase() === name)) return;
    throw new CommandError(
      `${name} was not deleted`,
      `The worker of this home serves it (pid ${answer.report.pid}).`,
      'Stop it first with: qmesh stop',
      { code: 'model_in_use' },
    );
  }
  throw new CommandError(
    `${name} was not deleted`,
    'A worker runs on this home, and does not say what it serves.',
    'Try again, or end it with: qmesh stop',
    { code: 'silent' },
  );
}
