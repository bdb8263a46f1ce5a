/** `qmesh score log`: the receipts this node has counted, newest first. */
import { Command, InvalidArgumentError } from 'commander';
import { maxLogEntries } from '../../actors/scores/score-pages.js';
import type { LedgerEntry } from '../../rules/ledger.js';
import { systemClock } from '../../runtime/clock.js';
import { readSettings } from '../load-settings.js';
import { withManual } from '../manual.js';
import { parseDurationMs } from '../owner/duration.js';
import { withScoreOptions, type ScoreOptions } from '../score/score-options.js';
import { openReader, type ScoreReader } from '../score/score-reader.js';
import { receiptTable } from '../score/show-score.js';

interface LogOptions extends ScoreOptions {
  readonly limit: number;
  readonly account?: string;
  readonly since?: number;
}

export const scoreLogCommand = (): Command =>
  withManual(
    withScoreOptions(new Command('log').description('List certified receipts, latest first.'))
      .option('--limit <n>', 'how many at most', count, 20)
      .option('--account <id>', 'only those that name this account, as worker or client; `me` is this node', account)
      .option('--since <when>', 'only those since a date, or since so long ago, such as 2d', since),
    {
      about: ['Every receipt that this node has counted, whether or not you took part.'],
      examples: [
        ['qmesh score log', 'the last 20'],
        ['qmesh score log --account me --since 7d --limit 500', 'your week'],
        ['qmesh score log --json | jq .receipts[0]', 'for programs'],
      ],
      see: ['qmesh score export'],
    },
  ).action((options: LogOptions) => log(options));

async function log({ json, limit, account: wanted, since: sinceMs, ...options }: LogOptions): Promise<void> {
  const reader = await openReader(readSettings(options).values);
  try {
    const own = (await reader.report()).account;
    const filter = {
      ...(wanted === undefined ? {} : { account: wanted === 'me' ? own : wanted }),
      ...(sinceMs === undefined ? {} : { sinceMs }),
    };
    const receipts = await latest(reader, filter, limit);
    const text =
      json === true
        ? JSON.stringify({ receipts })
        : receipts.length === 0
          ? 'No receipts, by these rules.'
          : `${receiptTable(receipts, own)}${receipts.length < limit ? '' : `\nThe latest ${limit}; more with --limit.`}`;
    process.stdout.write(`${text}\n`);
  } finally {
    await reader.close();
  }
}

async function latest(
  reader: ScoreReader,
  filter: { readonly account?: string; readonly sinceMs?: number },
  limit: number,
): Promise<LedgerEntry[]> {
  const receipts: LedgerEntry[] = [];
  let before: string | undefined;
  while (receipts.length < limit) {
    const page = Math.min(maxLogEntries, limit - receipts.length);
    const { entries, next } = await reader.log({ ...filter, limit: page, ...(before === undefined ? {} : { before }) });
    receipts.push(...entries);
    if (next === null) break;
    before = next;
  }
  return receipts;
}

function count(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError('It must be a whole number of at least 1.');
}

function account(text: string): string {
  if (text === 'me' || /^[0-9a-f]{64}$/.test(text)) return text;
  throw new InvalidArgumentError('An account is 64 hex characters, as in worker-id.txt, or `me`.');
}

/** Unix time. */
function since(text: string): number {
  const agoMs = parseDurationMs(text);
  if (agoMs !== undefined) return Math.max(0, systemClock.now() - agoMs);
  const atMs = Date.parse(text);
  if (atMs >= 0) return atMs;
  throw new InvalidArgumentError('A date is written as 2026-11-23, a time that passed as 36h or 7d.');
}
