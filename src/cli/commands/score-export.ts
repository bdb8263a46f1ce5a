/**
 * `qmesh score export`: all receipts, for spreadsheets and programs. Streamed, since a ledger may be larger than
 * memory.
 */
import { once } from 'node:events';
import { Command } from 'commander';
import { paidOf } from '../../rules/ledger.js';
import { readSettings } from '../load-settings.js';
import { withManual } from '../manual.js';
import { withScoreOptions, type ScoreOptions } from '../score/score-options.js';
import { all, openReader, type ScoreReader } from '../score/score-reader.js';

export const scoreExportCommand = (): Command =>
  withManual(
    withScoreOptions(new Command('export').description('Print all receipts: as CSV, or with --json as JSON.')),
    {
      about: ['All sums are in thousandths of a point. With --json also every account.'],
      examples: [
        ['qmesh score export > points.csv', 'for a spreadsheet'],
        ['qmesh score export --json > points.json', 'receipts and accounts'],
      ],
      see: ['qmesh score log', 'qmesh score backup, to keep what can be given back'],
    },
  ).action((options: ScoreOptions) => run(options));

async function run({ json, ...options }: ScoreOptions): Promise<void> {
  const reader = await openReader(readSettings(options).values);
  const output = { isRead: true }; // `| head` stops reading, which is not an error
  process.stdout.on('error', () => (output.isRead = false));
  try {
    for await (const piece of json === true ? asJson(reader) : asCsv(reader)) {
      if (!output.isRead) break;
      if (!process.stdout.write(piece)) await once(process.stdout, 'drain').catch(() => {});
    }
  } finally {
    await reader.close();
  }
}

async function* asJson(reader: ScoreReader): AsyncIterable<string> {
  yield '{"receipts":[';
  let comma = '';
  for await (const { value } of all(reader, 'entries')) {
    yield `${comma}\n${JSON.stringify(value)}`;
    comma = ',';
  }
  yield '\n],"accounts":[';
  comma = '';
  for await (const { key, value } of all(reader, 'accounts')) {
    yield `${comma}\n${JSON.stringify({ account: key, ...value })}`;
    comma = ',';
  }
  yield '\n]}\n';
}

async function* asCsv(reader: ScoreReader): AsyncIterable<string> {
  yield 'finished,receipt,worker,client,success,response_ms,score,max_price,paid\n';
  for await (const { value: entry } of all(reader, 'entries')) {
    const { finishedAt, hash, worker, client, success, responseMs, score, maxPrice } = entry;
    const finished = new Date(finishedAt).toISOString();
    yield `${[finished, hash, worker, client, success, responseMs, score, maxPrice, paidOf(entry)].join(',')}\n`;
  }
}
