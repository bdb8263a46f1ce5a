/** What every bench gets: the model, the load, a scratch folder, and the number of rounds. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeModel } from '../dist/gguf/models.js';
import { fullLoad, smokeLoad } from './workload.js';

/**
 * @typedef {object} Context
 * @property {boolean} smoke tiny inputs, to see that the bench works
 * @property {number} rounds
 * @property {number} threads compute threads for every contender
 * @property {import('./workload.js').Load} load
 * @property {string} modelName
 * @property {string} modelPath
 * @property {string} scratch an empty folder that is removed afterwards
 * @property {(line: string) => void} say
 */

const models = fileURLToPath(new URL('out/models', import.meta.url));

/**
 * @param {{ smoke: boolean, rounds: number, say: (line: string) => void }} options
 * @returns {Promise<Context & { dispose: () => void }>}
 */
export async function createContext({ smoke, rounds, say }) {
  const modelName = smoke ? 'bench-tiny' : 'bench-0.5b';
  const modelPath = join(models, `${modelName}.gguf`);
  if (!existsSync(modelPath)) {
    mkdirSync(models, { recursive: true });
    say(`writing ${modelName} (random weights) into bench/out/models`);
    await writeModel(modelName, modelPath);
  }
  const scratch = mkdtempSync(join(tmpdir(), 'qmesh-bench-'));
  return {
    smoke,
    rounds,
    threads: smoke ? 1 : availableParallelism(), // on a busy machine all cores are slower than one
    load: smoke ? smokeLoad : fullLoad,
    modelName,
    modelPath,
    scratch,
    say,
    dispose: () => rmSync(scratch, { recursive: true, force: true }),
  };
}

/**
 * The settings recorded with a result.
 * @param {Context} context
 */
export function settingsOf({ modelName, threads, load }) {
  return { model: modelName, threads, ...load };
}
