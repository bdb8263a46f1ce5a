/**
 * `qmesh models pull NAME`: fetches a model from the mesh or its address into the models folder. If stopped, it keeps
 * what has arrived.
 */
import { basename } from 'node:path';
import { Command } from 'commander';
import { nameOf } from '../../actors/models/model-library.js';
import type { FetchOutcome } from '../../machines/fetch.js';
import { CommandError, exitCode } from '../failure.js';
import { fetchBar, fetchModel, type EndingWatch } from '../fetch-model.js';
import { readSettings, withSettings } from '../load-settings.js';
import { withManual } from '../manual.js';
import { modelsSettings } from '../models-process.js';
import { showBytes } from '../sizes.js';

export const pullCommand = (): Command =>
  withManual(
    withSettings(
      new Command('pull')
        .description('Fetch a model from the mesh, or from its address.')
        .argument(
          '<name>',
          'a name from the catalog or the mesh, a SHA-256, hf:user/repository/file.gguf, or https://…',
        ),
      modelsSettings,
    ).option('--json', 'print one JSON line per event'),
    {
      about: [
        'Ctrl-C keeps what has arrived; the same command continues from there.',
        'Nodes that have the model are asked before its address on the web.',
      ],
      examples: [
        ['qmesh models pull qwen2.5-1.5b-instruct-q4_k_m', 'one that `qmesh models list` shows'],
        ['qmesh models pull hf:user/repository/file.gguf', 'any file of Hugging Face'],
      ],
      see: ['qmesh models recommend', 'docs/models.md'],
    },
  ).action((name: string, { json, ...options }: Record<string, unknown>) => pull(name, options, json === true));

async function pull(wanted: string, options: Readonly<Record<string, unknown>>, json: boolean): Promise<void> {
  const { values } = readSettings(options);
  const watch = json ? jsonWatch() : fetchBar();
  const outcome = await fetchModel(wanted, values, watch).finally(() => watch.end());
  tell(wanted, outcome, json);
}

/** @throws CommandError if there is no such model */
export function tell(wanted: string, outcome: FetchOutcome, json: boolean): void {
  switch (outcome.kind) {
    case 'fetched': {
      const { path, content } = outcome.model;
      if (json) process.stdout.write(`${JSON.stringify({ event: 'fetched', path, ...content })}\n`);
      else
        process.stdout.write(
          `${path}\n  ${showBytes(content.bytes)}, SHA-256 ${content.sha256}\n` +
            `Serve it with: qmesh worker --model ${nameOf(basename(path)) ?? path}\n`,
        );
      return;
    }
    case 'stopped':
      process.exitCode = exitCode.interrupted;
      if (json) process.stdout.write(`${JSON.stringify({ event: 'stopped' })}\n`);
      else process.stderr.write('Stopped. What has arrived is kept; the same command goes on from here.\n');
      return;
    case 'failed':
      throw new CommandError(
        `${wanted} cannot be fetched`,
        outcome.reasons.join('\n  '),
        outcome.reasons.some((reason) => reason.includes('internet'))
          ? 'Without internet: what other nodes offer is in qmesh models list --mesh, and qmesh models add takes in a file.'
          : 'What has arrived is kept where it was good; the same command tries again.',
        { code: 'fetch_failed' },
      );
  }
}

function jsonWatch(): EndingWatch {
  const say = (event: string, fields: object = {}): void =>
    void process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
  return {
    searching: (mesh) => say('searching', mesh),
    source: (source) =>
      say('source', { kind: source.kind, name: source.name, memoryBytes: source.memoryBytes ?? null }),
    progress: (now) => say('progress', now),
    trouble: (what) => say('trouble', { what }),
    verifying: () => say('verifying'),
    here: (path) => say('here', { path }),
    end: () => {},
  };
}
