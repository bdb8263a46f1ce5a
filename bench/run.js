/**
 * `npm run benchmark`: runs the benches in benches/ one after another, prints their tables, and saves the results in
 * bench/results/. `-- --help` lists the options; README.md says what each bench measures.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createContext } from './context.js';
import { conditions, toTable } from './report.js';

const defaultRounds = 7;
const smokeRounds = 1;

const help = `Usage: npm run benchmark -- [options]

  --only NAME    run only this bench; may be repeated
  --rounds N     rounds that count (default ${defaultRounds}; with --smoke ${smokeRounds})
  --smoke        tiny model and inputs, disturbed rounds count, nothing is saved: shows that the benches work
  --out FILE     write the results to FILE (default bench/results/<time>-<commit>.json)
  --help         this text

Environment:
  LLAMA_SERVER   path of llama.cpp's server, to measure it as a peer

Benches:`;

/**
 * @typedef {object} Bench
 * @property {string} name
 * @property {string} about
 * @property {(context: import('./context.js').Context) => Promise<import('./report.js').BenchResult>} run
 */

/** @returns {Promise<Bench[]>} */
async function loadBenches() {
  const folder = new URL('benches/', import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith('.js'));
  return Promise.all(files.sort().map((file) => import(new URL(file, folder).href)));
}

/**
 * @param {string} why
 * @returns {never}
 */
function usage(why) {
  process.stderr.write(`${why}\nRun with --help to see the options.\n`);
  process.exit(2);
}

function options() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', multiple: true },
        rounds: { type: 'string' },
        smoke: { type: 'boolean', default: false },
        out: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    const rounds = Number(values.rounds ?? (values.smoke ? smokeRounds : defaultRounds));
    if (!Number.isInteger(rounds) || rounds < 1)
      return usage(`--rounds: must be a whole number of at least 1, not '${values.rounds}'`);
    return { ...values, rounds };
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error));
  }
}

/** @param {string} line */
const say = (line) => void process.stdout.write(`${line}\n`);

const { only, rounds, smoke, out, help: wantsHelp } = options();
const benches = await loadBenches();
if (wantsHelp) {
  say(help);
  for (const { name, about } of benches) say(`  ${name.padEnd(14)} ${about}`);
  process.exit(0);
}
for (const name of only ?? []) {
  if (!benches.some((bench) => bench.name === name)) usage(`--only: there is no bench '${name}'`);
}
const chosen = benches.filter(({ name }) => only === undefined || only.includes(name));

process.once('SIGINT', () => process.exit(130));

const context = await createContext({ smoke, rounds, say });
const results = /** @type {import('./report.js').BenchResult[]} */ ([]);
const failed = /** @type {string[]} */ ([]);
try {
  for (const bench of chosen) {
    say(`${bench.name}: ${bench.about}`);
    try {
      const result = await bench.run(context);
      results.push(result);
      say(`\n${toTable(result)}\n`);
    } catch (error) {
      failed.push(bench.name); // keep the results of the others
      say(`\n${bench.name} failed: ${error instanceof Error ? error.stack : String(error)}\n`);
    }
  }
} finally {
  context.dispose();
}

const found = conditions();
const target = out ?? (smoke ? undefined : defaultTarget(found));
if (target !== undefined) {
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, `${JSON.stringify({ ...found, results }, null, 2)}\n`);
  say(`results: ${target}`);
}
if (failed.length > 0) say(`failed: ${failed.join(', ')}`);
process.exit(failed.length > 0 ? 1 : 0); // a library's idle handle must not keep a finished bench alive

/** @param {{ at: string, commit: string | null }} conditions */
function defaultTarget({ at, commit }) {
  const file = `${at.slice(0, 16).replace(/[:T]/g, '')}-${(commit ?? 'nocommit').slice(0, 9)}.json`;
  return resolve(fileURLToPath(new URL('results', import.meta.url)), file);
}
