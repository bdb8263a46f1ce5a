/** Reads the ledger's database a page at a time, for the owner's commands, which come through a socket if a worker runs. */
import type Hyperbee from 'hyperbee';
import { z } from 'zod';
import { publicKey } from '../../protocol/schema.js';
import type { LedgerEntry } from '../../rules/ledger.js';
import { entryKeyAt, sortable, within } from './score-keys.js';

/** So that a page fits a line of the control socket. A larger item gets a page of its own. */
const maxPageBytes = 60_000;
/** Receipts of the log in one page, some 480 bytes each. */
export const maxLogEntries = 100;

const starts = {
  entries: 'day/',
  certificates: 'certificate/',
  signed: 'signed/',
  claims: 'claim/',
  evidence: 'evidence/',
} as const;
export type PageOf = keyof typeof starts;
export const pageKinds = Object.keys(starts) as PageOf[];

export interface Page {
  readonly items: readonly { readonly key: string; readonly value: unknown }[];
  /** Where the next page begins; null on the last one. */
  readonly next: string | null;
}

/** A place in the log: `TIME/RECEIPT`. */
const place = z.string().regex(/^\d{16}\/[0-9a-f]{64}$/);

export const logQuery = z.object({
  /** Only receipts that name this account, as worker or as client. */
  account: publicKey.exactOptional(),
  /** Only those finished since then. Unix time. */
  sinceMs: z.int().min(0).exactOptional(),
  /** `next` of the page before. */
  before: place.exactOptional(),
  limit: z.int().min(1).max(maxLogEntries),
});
export type LogQuery = z.infer<typeof logQuery>;

export interface LogPage {
  /** The latest first. */
  readonly entries: readonly LedgerEntry[];
  readonly next: string | null;
}

export async function readPage(bee: Hyperbee, of: PageOf, after: string | undefined): Promise<Page> {
  const start = starts[of];
  const from = after === undefined ? start : `${start}${after}\0`;
  const items: { key: string; value: unknown }[] = [];
  let bytes = 0;
  for await (const { key, value } of bee.createReadStream({ gte: from, lt: within(start).lt, wait: false })) {
    bytes += key.length + Buffer.byteLength(JSON.stringify(value));
    if (items.length > 0 && bytes > maxPageBytes) return { items, next: items.at(-1)?.key ?? null };
    items.push({ key: key.slice(start.length), value });
  }
  return { items, next: null };
}

export async function readLog(bee: Hyperbee, query: LogQuery): Promise<LogPage> {
  const { account, limit } = query;
  const times =
    account === undefined
      ? await latest(bee, 'day/', query)
      : [...(await latest(bee, `worker/${account}/`, query)), ...(await latest(bee, `client/${account}/`, query))];
  const shown = times.sort().reverse().slice(0, limit);
  const entries: LedgerEntry[] = [];
  for (const time of shown) {
    const found = await bee.get(entryKeyAt(time));
    if (found !== null) entries.push(found.value as LedgerEntry);
  }
  return { entries, next: times.length >= limit ? (shown.at(-1) ?? null) : null };
}

/** The ends of the latest keys in an index, `TIME/RECEIPT`. */
async function latest(bee: Hyperbee, start: `${string}/`, { sinceMs = 0, before, limit }: LogQuery): Promise<string[]> {
  const isByDay = start === 'day/';
  const lt = before === undefined ? within(start).lt : isByDay ? entryKeyAt(before) : `${start}${before}`;
  const gte = isByDay ? entryKeyAt(sortable(sinceMs)) : `${start}${sortable(sinceMs)}`;
  const times: string[] = [];
  if (gte >= lt) return times;
  for await (const { key } of bee.createReadStream({ gte, lt, reverse: true, limit, wait: false }))
    times.push(key.split('/').slice(-2).join('/'));
  return times;
}
