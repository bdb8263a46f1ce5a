/** `qmesh models verify`: reads models completely and reports whether they are unchanged. */
import { Command } from 'commander';
import { findModelFiles, factsOf } from '../../actors/models/model-library.js';
import { ModelMemory, isSame, stateOf } from '../../actors/models/model-memory.js';
import { readCatalog } from '../../gguf/catalog.js';
import { inspectGguf } from '../../gguf/inspect.js';
import { modelFolders } from '../../model-folders.js';
import { systemClock } from '../../runtime/clock.js';
import { messageOf } from '../../runtime/errors.js';
import { exitCode } from '../failure.js';
import { createFileThreads, type FileThreads } from '../file-threads.js';
import { noSuchModel } from '../local-models.js';
import { readSettings, withSettings } from '../load-settings.js';
import { withManual } from '../manual.js';
import { paintFor } from '../paint.js';
import { progressBar } from '../progress-bar.js';
import { showBytes } from '../sizes.js';

export const verifyCommand = (): Command =>
  withManual(
    withSettings(
      new Command('verify')
        .description('Check models to the last byte: SHA-256, header, and that they are complete.')
        .argument('[names...]', 'names of models, as `qmesh models list` shows them; by default all'),
      ['models', 'home'],
    ).option('--json', 'print one JSON line per model'),
    {
      about: [
        'A SHA-256 is compared with the catalog’s, if it has one, and with what it was',
        'when the file was fetched, added or first served.',
        'Exit codes: 0 all are good, 1 one is not, 2 used wrongly.',
      ],
      examples: [
        ['qmesh models verify', 'all of them'],
        ['qmesh models verify llama', 'one'],
      ],
    },
  ).action((names: string[], { json, ...options }: Record<string, unknown>) => verify(names, options, json === true));

interface Verdict {
  readonly verdict: 'good' | 'new' | 'changed' | 'wrong' | 'broken';
  readonly bytes: number;
  readonly sha256: string | null;
  readonly reason: string | null;
}

async function verify(
  names: readonly string[],
  options: Readonly<Record<string, unknown>>,
  json: boolean,
): Promise<void> {
  const { values } = readSettings(options);
  const folders = modelFolders(values);
  const files = await findModelFiles(folders);
  const wanted = names.map((name) => name.toLowerCase().replace(/\.gguf$/, ''));
  const missing = wanted.find((name) => !files.has(name));
  if (missing !== undefined) throw noSuchModel(missing, files.keys(), folders);
  const todo = [...files].filter(([name]) => wanted.length === 0 || wanted.includes(name));
  const catalog = (await readCatalog()).models;
  const memory = new ModelMemory(values.home);
  const threads = createFileThreads();
  try {
    for (const [name, path] of todo) {
      const promised = catalog.find((entry) => entry.name === name)?.sha256;
      const found = await examine(path, promised, memory, threads, json);
      if (found.reason !== null) process.exitCode = exitCode.failed;
      process.stdout.write(json ? `${JSON.stringify({ name, path, ...found })}\n` : `${describe(name, found)}\n`);
    }
  } finally {
    await threads.close();
  }
  if (todo.length === 0 && !json) process.stdout.write(`There are no models in ${folders.join(' and ')}.\n`);
}

async function examine(
  path: string,
  promised: string | undefined,
  memory: ModelMemory,
  threads: FileThreads,
  isQuiet: boolean,
): Promise<Verdict> {
  const bar = progressBar(process.stderr, systemClock);
  let bytes = 0;
  try {
    const file = await stateOf(path);
    bytes = file.bytes;
    const info = await inspectGguf(path);
    const onProgress = isQuiet ? undefined : (read: number) => bar.update(read, file.bytes, path);
    const { sha256 } = await threads.hash(path, onProgress);
    const known = memory.files.get(path);
    const before = known?.origin ?? known?.sha256;
    const found = judge(sha256, promised, before, known !== undefined && isSame(known, file));
    if (found.reason === null) memory.learn(new Map([[path, { ...file, sha256, header: factsOf(info) }]]));
    return { bytes, sha256, ...found };
  } catch (error) {
    return { verdict: 'broken', bytes, sha256: null, reason: messageOf(error) };
  } finally {
    bar.end();
  }
}

function judge(
  sha256: string,
  promised: string | undefined,
  before: string | undefined,
  isSameFile: boolean,
): Pick<Verdict, 'verdict' | 'reason'> {
  if (promised !== undefined && promised !== sha256)
    return { verdict: 'wrong', reason: `it is not the model of the catalog, whose SHA-256 is ${promised}` };
  if (before !== undefined && before !== sha256)
    return isSameFile
      ? { verdict: 'wrong', reason: `its bytes changed on the disk: its SHA-256 was ${before}; check the disk` }
      : { verdict: 'changed', reason: `it is another file than before: its SHA-256 was ${before}` };
  return { verdict: promised === undefined && before === undefined ? 'new' : 'good', reason: null };
}

function describe(name: string, { verdict, bytes, sha256, reason }: Verdict): string {
  const paint = paintFor(process.stdout);
  const good = { good: 'good', new: 'good, seen for the first time', changed: '', wrong: '', broken: '' };
  const head =
    reason === null ? `${paint.good('ok')}    ${name}  ${good[verdict]}` : `${paint.bad('fail')}  ${name}  ${reason}`;
  const detail = sha256 === null ? '' : `\n      ${showBytes(bytes)}, SHA-256 ${sha256}`;
  const next =
    verdict === 'changed'
      ? '\n      If you replaced it, take it in anew: qmesh models rm, then add.'
      : verdict === 'wrong'
        ? '\n      Fetch it again: qmesh models rm, then pull.'
        : '';
  return `${head}${detail}${next}`;
}
