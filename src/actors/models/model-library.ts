/**
 * The model files on this machine and what their headers say. A header is read once, and again when its file changes.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { GgufError, type GgufErrorCode } from '../../gguf/error.js';
import { inspectGguf, type GgufInfo } from '../../gguf/inspect.js';
import { memoryOf } from '../../gguf/memory.js';
import { partOf } from '../../gguf/split.js';
import { messageOf } from '../../runtime/errors.js';
import { isSame, stateOf, type FileState, type HeaderFacts, type KnownFile, type ModelMemory } from './model-memory.js';

const extension = '.gguf';
/** Headers read in parallel; each needs one window of memory. */
const maxReaders = 8;
/**
 * Errors that may go away while the file stays the same: permissions may be granted, a missing part may be added. They
 * are not cached.
 */
const mayPass: ReadonlySet<GgufErrorCode> = new Set(['unreadable', 'not_whole']);
/** Results are saved each time this many headers have been read, so an interrupted first scan does not start over. */
const readsToKeep = 32;

export interface LocalModel {
  readonly name: string;
  readonly path: string;
  readonly file: FileState | undefined;
  readonly header: HeaderFacts | undefined;
  /** If it was ever computed. */
  readonly sha256: string | undefined;
  /** Why it cannot be served; undefined if no problem is known. */
  readonly problem: string | undefined;
}

/** By lower-case name, since names are compared in lower case. If a name occurs twice, the earlier folder wins. */
export async function findModelFiles(folders: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const folder of folders)
    for (const file of (await readdir(folder).catch(() => [])).sort()) {
      const name = nameOf(file);
      // A model in several files is represented by its first.
      if (name !== undefined && partOf(name)?.isFirst !== false && !found.has(name)) found.set(name, join(folder, file));
    }
  return found;
}

/** Undefined if the file name is not a model's. */
export const nameOf = (file: string): string | undefined =>
  file.toLowerCase().endsWith(extension) && file.length > extension.length
    ? file.slice(0, -extension.length).toLowerCase()
    : undefined;

/** @param learnt called with the number of headers read so far; cached ones are not counted */
export async function listModels(
  folders: readonly string[],
  memory: ModelMemory,
  learnt: (read: number) => void = () => {},
): Promise<readonly LocalModel[]> {
  const known = memory.files;
  const news = new Map<string, KnownFile>();
  const todo = [...(await findModelFiles(folders))];
  const models: LocalModel[] = [];
  let read = 0;
  const keep = (): void => {
    read += news.size;
    memory.learn(news);
    news.clear();
  };
  const reader = async (): Promise<void> => {
    for (let next = todo.shift(); next !== undefined; next = todo.shift()) {
      const [name, path] = next;
      models.push(await look(name, path, known.get(path), news));
      if (news.size > 0) learnt(read + news.size);
      if (news.size >= readsToKeep) keep();
    }
  };
  await Promise.all(Array.from({ length: maxReaders }, reader));
  keep();
  return models.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function look(
  name: string,
  path: string,
  known: KnownFile | undefined,
  news: Map<string, KnownFile>,
): Promise<LocalModel> {
  try {
    const file = await stateOf(path);
    if (known === undefined || !isSame(known, file)) known = undefined;
    const { sha256 } = known ?? {};
    if (known?.header !== undefined || known?.problem !== undefined)
      return { name, path, file, sha256, header: known.header, problem: known.problem };
    try {
      const header = factsOf(await inspectGguf(path));
      news.set(path, { ...file, header });
      return { name, path, file, sha256, header, problem: undefined };
    } catch (error) {
      const problem = whyNot(error, path);
      if (error instanceof GgufError && !mayPass.has(error.code)) news.set(path, { ...file, problem });
      return { name, path, file, sha256, header: undefined, problem };
    }
  } catch (error) {
    return { name, path, file: undefined, sha256: undefined, header: undefined, problem: whyNot(error, path) };
  }
}

export const factsOf = (info: GgufInfo): HeaderFacts => ({
  architecture: info.architecture,
  trainedTokens: info.contextLength,
  blocks: info.blockCount,
  memory: memoryOf(info),
});

/** Without the path, which is shown next to it. */
function whyNot(error: unknown, path: string): string {
  const message = messageOf(error);
  return message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;
}
