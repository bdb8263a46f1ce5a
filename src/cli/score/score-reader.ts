/**
 * Reads the ledger of a home, for the commands. A running worker holds its database, which no second process can open:
 * then everything comes from the worker, page by page. Otherwise the database is opened here.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlRequest, ScoreAnswer } from '../../actors/control/messages.js';
import type { Home } from '../../actors/home/home.js';
import { loadIdentity } from '../../actors/home/identity.js';
import { openLedger, type Ledger } from '../../actors/scores/ledger.js';
import { openScoreStore, scoreFolder, type Found } from '../../actors/scores/score-store.js';
import type { LogPage, LogQuery, Page, PageOf } from '../../actors/scores/score-pages.js';
import { accountsPage, scoreReport, type ScorePage, type ScoreReport } from '../../actors/scores/score-report.js';
import type { Certificate } from '../../protocol/signed-objects.js';
import type { AccountState, LedgerEntry } from '../../rules/ledger.js';
import { nullLogger } from '../../runtime/log.js';
import { systemRandom } from '../../runtime/random.js';
import type { Settings } from '../../settings.js';
import { mintersOf, policyOf } from '../../validator-policy.js';
import { CommandError } from '../failure.js';
import { askHere } from '../owner/worker-here.js';

export interface ScoreReader {
  report(): Promise<ScoreReport>;
  log(query: LogQuery): Promise<LogPage>;
  page(of: PageOf | 'accounts', after: string | undefined): Promise<ScorePage>;
  close(): Promise<void>;
}

/** @throws CommandError if there is nothing to read, or it cannot be read */
export async function openReader(values: Settings): Promise<ScoreReader> {
  const home = { path: values.home };
  const worker = workerReader(home);
  if ((await worker.find()) !== undefined) return worker;
  return diskReader(values, await openHere(values));
}

/**
 * Opens the ledger itself, in this process.
 * @throws CommandError
 */
export async function openHere(values: Settings, { isNew = false } = {}): Promise<Ledger> {
  const folder = join(values.home, scoreFolder);
  if (!isNew && !existsSync(folder))
    throw new CommandError(
      'there are no points here yet',
      `${folder} does not exist, so nothing was ever counted.`,
      'Start a worker, which keeps the ledger: qmesh worker. If its home is elsewhere, give it with --home.',
      { code: 'no_ledger' },
    );
  return openLedger(await openScoreStore(folder), mintersOf(values));
}

/** Values on the pages of each kind. */
interface PageValues extends Record<PageOf, unknown> {
  readonly accounts: AccountState;
  readonly entries: LedgerEntry;
  readonly certificates: Certificate;
}

/** Everything of one kind, page by page. */
export async function* all<Of extends keyof PageValues>(
  reader: Pick<ScoreReader, 'page'>,
  of: Of,
): AsyncIterable<{ readonly key: string; readonly value: PageValues[Of]; readonly revision: number }> {
  let after: string | undefined;
  do {
    const { items, next, revision } = await reader.page(of, after);
    for (const { key, value } of items) yield { key, value: value as PageValues[Of], revision };
    after = next ?? undefined;
  } while (after !== undefined);
}

function diskReader(values: Settings, ledger: Ledger): ScoreReader {
  const account = loadIdentity({ path: values.home }, systemRandom, nullLogger).id;
  const source = { account, ledger, policy: policyOf(values), held: null, present: null };
  return {
    report: () => answered((found) => scoreReport(source, found)),
    log: (query) => answered((found) => ledger.records.log(query, found)),
    async page(of, after) {
      if (of === 'accounts') return accountsPage(ledger, after);
      const page = await answered<Page>((found) => ledger.records.page(of, after, found));
      return { ...page, revision: ledger.revision };
    },
    close: () => new Promise((closed) => ledger.close(() => closed())),
  };
}

const answered = <Value>(ask: (found: Found<Value>) => void): Promise<Value> =>
  new Promise((resolve, reject) =>
    ask((error, value) => (value === undefined ? reject(error ?? new Error('nothing is there')) : resolve(value))),
  );

function workerReader(home: Home): ScoreReader & { find(): Promise<ScoreReport | undefined> } {
  const ask = (request: ControlRequest): Promise<ScoreAnswer | 'none'> => askScores(home, request);
  const told = async <Key extends 'score' | 'log' | 'page'>(
    key: Key,
    request: ControlRequest,
  ): Promise<Extract<ScoreAnswer, Record<Key, unknown>>> => {
    const answer = await ask(request);
    if (answer !== 'none' && key in answer) return answer as Extract<ScoreAnswer, Record<Key, unknown>>;
    throw new CommandError('the worker stopped while it was being read', '', 'Run this again.', { code: 'no_worker' });
  };
  return {
    async find() {
      const answer = await ask({ do: 'score' });
      return answer !== 'none' && 'score' in answer ? answer.score : undefined;
    },
    report: async () => (await told('score', { do: 'score' })).score,
    log: async (query) => (await told('log', { do: 'score.log', query })).log,
    page: async (of, after) =>
      (await told('page', { do: 'score.page', of, ...(after === undefined ? {} : { after }) })).page,
    close: () => Promise.resolve(),
  };
}

async function askScores(home: Home, request: ControlRequest): Promise<ScoreAnswer | 'none'> {
  const answer = await askHere<ScoreAnswer>(home, request);
  if (answer === 'none' || !('error' in answer)) return answer;
  throw new CommandError('the worker cannot tell', answer.error.message, '', { code: answer.error.code });
}
