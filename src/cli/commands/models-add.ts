/** `qmesh models add FILE`: adds a file on this machine to the models. */
import { basename, resolve } from 'node:path';
import { statSync } from 'node:fs';
import { Command } from 'commander';
import { addModel, type AddedModel } from '../../actors/models/add-model.js';
import { openHome } from '../../actors/home/home.js';
import { nameOf } from '../../actors/models/model-library.js';
import { ModelMemory } from '../../actors/models/model-memory.js';
import { readCatalog } from '../../gguf/catalog.js';
import { GgufError } from '../../gguf/error.js';
import { modelFolders } from '../../model-folders.js';
import { systemClock } from '../../runtime/clock.js';
import { CommandError, exitCode } from '../failure.js';
import { createFileThreads } from '../file-threads.js';
import { readSettings, withSettings } from '../load-settings.js';
import { withManual } from '../manual.js';
import { progressBar } from '../progress-bar.js';
import { showBytes } from '../sizes.js';

interface AddFlags extends Readonly<Record<string, unknown>> {
  readonly as?: string;
  readonly link?: boolean;
  readonly json?: boolean;
}

export const addCommand = (): Command =>
  withManual(
    withSettings(
      new Command('add').description('Add a GGUF file on this machine to its models.').argument('<file>', 'the file'),
      ['models', 'home'],
    )
      .option('--as <name>', 'the name to serve it under; by default the file’s')
      .option('--link', 'make a hard link instead of a copy, which takes no space')
      .option('--json', 'print one JSON object'),
    {
      about: [
        'The file is inspected, copied and hashed, and only then appears among the',
        'models. If the file system can share blocks, the copy takes no space.',
      ],
      examples: [
        ['qmesh models add ~/Downloads/llama.gguf', 'then: qmesh worker --model llama'],
        ['qmesh models add big.gguf --as big-7b --link', 'under another name, and without a copy'],
      ],
      see: ['qmesh models verify', 'qmesh models rm'],
    },
  ).action((file: string, flags: AddFlags) => add(file, flags));

async function add(file: string, { as, link = false, json = false, ...options }: AddFlags): Promise<void> {
  const { values } = readSettings(options);
  const from = resolve(file);
  const name = nameFrom(as, file);
  const [folder = '.'] = modelFolders(values);
  const entry = (await readCatalog()).models.find((model) => model.name === name);
  const threads = createFileThreads();
  const bar = progressBar(process.stderr, systemClock);
  const totalBytes = statSync(from, { throwIfNoEntry: false })?.size;
  const onProgress = (what: string) => (json ? undefined : (bytes: number) => bar.update(bytes, totalBytes, what));
  try {
    const added = await addModel({
      from,
      name,
      folder,
      isLink: link,
      sha256: entry?.sha256,
      memory: new ModelMemory(openHome(values.home).path),
      copy: (source, to) => threads.copy(source, to, onProgress('copied')),
      hash: (path) => threads.hash(path, onProgress('hashed')),
    });
    bar.end();
    tell(name, added, json);
  } catch (error) {
    throw failure(file, error);
  } finally {
    bar.end();
    await threads.close();
  }
}

/**
 * The name to type, which other nodes may see as well.
 * @throws CommandError
 */
function nameFrom(as: string | undefined, file: string): string {
  const name = (as ?? nameOf(basename(file)) ?? basename(file)).toLowerCase().replace(/\.gguf$/, '');
  if (/^[a-z0-9][a-z0-9._-]{0,127}$/.test(name)) return name;
  throw new CommandError(
    `${JSON.stringify(name)} is no name for a model`,
    'Letters, digits, dots, underscores and hyphens make one.',
    'Give it one with --as NAME.',
    { code: 'bad_name', exit: exitCode.usage },
  );
}

function tell(name: string, { path, bytes, sha256, how }: AddedModel, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ name, path, bytes, sha256, how })}\n`);
    return;
  }
  const done = { copied: 'copied', cloned: 'copied; the two share their blocks on the disk', linked: 'linked' };
  process.stdout.write(
    `${path}\n  ${showBytes(bytes)}, ${how === 'here already' ? how : done[how]}, SHA-256 ${sha256}\n` +
      `Serve it with: qmesh worker --model ${name}\n`,
  );
}

function failure(file: string, error: unknown): CommandError {
  if (error instanceof CommandError) return error;
  const what = `${file} cannot be added`;
  if (error instanceof GgufError)
    return new CommandError(what, `${error.reason}.`, error.advice, { code: 'not_added' });
  return CommandError.because(error, what, { code: 'not_added' });
}
