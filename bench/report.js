/** Results as a table and as data: what was measured, on what machine, with what versions, from what commit. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import process from 'node:process';
import { pairwise, series } from './rounds.js';

/** @typedef {{ label: string, unit: string, compare?: 'ratio' | 'difference' }} Metric */

/** @typedef {import('./rounds.js').Summary} Summary */

/**
 * @typedef {object} BenchResult
 * @property {string} bench
 * @property {Record<string, unknown>} settings
 * @property {{ kept: number, discarded: number, othersChecked: boolean, foreignCores: (number | null)[] }} rounds
 * @property {{ metric: string, label: string, unit: string, contender: string, summary: Summary }[]} figures
 * @property {{ metric: string, label: string, compare: 'ratio' | 'difference', product: string, peer: string, summary: Summary }[]} comparisons
 */

/**
 * @param {string} bench
 * @param {Record<string, unknown>} settings
 * @param {Record<string, Metric>} metrics
 * @param {readonly string[]} contenders the product first
 * @param {import('./rounds.js').Rounds} rounds
 * @returns {BenchResult}
 */
export function resultOf(bench, settings, metrics, contenders, rounds) {
  const [product = '', ...peers] = contenders;
  const entries = Object.entries(metrics);
  return {
    bench,
    settings,
    rounds: {
      kept: rounds.kept.length,
      discarded: rounds.discarded,
      othersChecked: rounds.checked,
      foreignCores: rounds.kept.map(({ foreignCores }) => (foreignCores === null ? null : rounded(foreignCores))),
    },
    figures: entries.flatMap(([metric, { label, unit }]) =>
      contenders.flatMap((contender) => {
        const summary = series(rounds, contender, metric);
        return summary === undefined ? [] : [{ metric, label, unit, contender, summary: roundedSummary(summary) }];
      }),
    ),
    comparisons: entries.flatMap(([metric, { label, compare }]) =>
      peers.flatMap((peer) => {
        const summary = compare === undefined ? undefined : pairwise(rounds, product, peer, metric, compare);
        if (summary === undefined || compare === undefined) return [];
        return [{ metric, label, compare, product, peer, summary: roundedSummary(summary) }];
      }),
    ),
  };
}

/**
 * @param {BenchResult} result
 * @returns {string}
 */
export function toTable({ bench, figures, comparisons, rounds }) {
  const rows = [
    ...figures.map(({ label, unit, contender, summary }) => [label, contender, ...shown(summary), unit]),
    ...comparisons.map(({ label, compare, product, peer, summary }) => {
      const sign = compare === 'ratio' ? '÷' : '−';
      return [label, `${product} ${sign} ${peer}`, ...shown(summary), compare === 'ratio' ? '×' : 'more'];
    }),
  ];
  const head = ['what', 'who', 'median', 'min', 'max', ''];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  /** @param {readonly string[]} cells */
  const line = (cells) =>
    `  ${cells.map((cell, column) => (column >= 2 && column <= 4 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0))).join('  ')}`.trimEnd();
  const foreign = rounds.foreignCores.filter((cores) => cores !== null);
  const others = rounds.othersChecked
    ? `${rounds.discarded} discarded, other processes used up to ${Math.max(0, ...foreign).toFixed(2)} cores`
    : 'other processes not checked';
  return [`${bench} (${rounds.kept} rounds, ${others})`, line(head), ...rows.map(line)].join('\n');
}

/** What a figure means nothing without. */
export function conditions() {
  const processors = cpus();
  const changes = git('status', '--porcelain', '--untracked-files=no');
  return {
    at: new Date().toISOString(),
    commit: git('rev-parse', 'HEAD'),
    uncommittedChanges: changes === null ? null : changes !== '',
    node: process.version,
    packages: {
      qmesh: versionOf(new URL('../package.json', import.meta.url)),
      'node-llama-cpp': versionOf(new URL('../node_modules/node-llama-cpp/package.json', import.meta.url)),
    },
    llamaCpp: llamaCppRelease(),
    llamaServer: llamaServerVersion(),
    machine: {
      cpu: processors[0]?.model ?? 'unknown',
      cores: processors.length,
      memoryBytes: totalmem(),
      system: `${process.platform} ${process.arch} ${release()}`,
    },
  };
}

/** @param {string[]} args */
function git(...args) {
  try {
    return execFileSync('git', args, {
      cwd: new URL('..', import.meta.url),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return null;
  }
}

/** @param {URL} file */
function versionOf(file) {
  return /** @type {string} */ (JSON.parse(readFileSync(file, 'utf8')).version);
}

/** The llama.cpp release whose binaries node-llama-cpp carries. */
function llamaCppRelease() {
  const file = new URL('../node_modules/node-llama-cpp/llama/binariesGithubRelease.json', import.meta.url);
  return /** @type {string} */ (JSON.parse(readFileSync(file, 'utf8')).release);
}

/** What the server named by LLAMA_SERVER says it is; null without one. */
function llamaServerVersion() {
  const binary = process.env.LLAMA_SERVER;
  if (binary === undefined) return null;
  const shell = execFileSync('sh', ['-c', '"$0" --version 2>&1', binary], { encoding: 'utf8' });
  return /version: (.*)/.exec(shell)?.[1] ?? shell.trim();
}

/** @param {Summary} summary */
function shown({ median, min, max }) {
  return [median, min, max].map((value) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2)));
}

/** @param {Summary} summary */
function roundedSummary({ median, min, max, values }) {
  return { median: rounded(median), min: rounded(min), max: rounded(max), values: values.map(rounded) };
}

/** @param {number} value */
function rounded(value) {
  return Number(value.toPrecision(6));
}
