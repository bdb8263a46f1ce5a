/**
 * The keys of the ledger's database and their values. Keys sort as text, so a range of keys is a range of times.
 *
 * | key                            | value                                                              |
 * | ------------------------------ | ------------------------------------------------------------------ |
 * | `certificate/RECEIPT`          | the certificate; gone once its day is closed                       |
 * | `solo/RECEIPT`                 | nothing: this node made that certificate alone                     |
 * | `day/DAY/TIME/RECEIPT`         | what the fold needs of it, kept for good                           |
 * | `worker/ACCOUNT/TIME/RECEIPT`  | nothing: an index, as is `client/…`                                |
 * | `signed/KIND/ORDER`            | what this node signed for the order                                |
 * | `claim/RECEIPT`                | a claim that is not certified yet                                  |
 * | `evidence/ACCOUNT/KIND`        | proof that the account signed two versions                         |
 * | `closed`                       | the first UTC day that is not closed                               |
 * | `sums/ACCOUNT`                 | the account's sums over the closed days                            |
 * | `order/ORDER`                  | of a closed order: the day and the hash of its receipt             |
 * | `kept/RECEIPT`                 | of a closed day and not in the sums: it came late, or is contested |
 * | `contested/ORDER`              | the receipt in the sums that others of its order contend with      |
 */
import type { LedgerEntry } from '../../rules/ledger.js';
import { mintDayOf, utcDayOf } from '../../rules/ledger.js';

/** All keys that begin so: '0' is the character after '/'. */
export const within = (start: `${string}/`): { gte: string; lt: string } => ({
  gte: start,
  lt: `${start.slice(0, -1)}0`,
});

/** Numbers below 2^53, padded so that they sort as text. */
export const sortable = (number: number): string => String(number).padStart(16, '0');

export const dayKey = (day: number): `${string}/` => `day/${sortable(day)}/`;

/** `TIME/RECEIPT`: how the keys of a receipt end in every index by time. */
export const timeKey = ({ finishedAt, hash }: Pick<LedgerEntry, 'finishedAt' | 'hash'>): string =>
  `${sortable(finishedAt)}/${hash}`;
/** From such an end. */
export const entryKeyAt = (time: string): string => `${dayKey(utcDayOf(parseInt(time, 10)))}${time}`;
export const entryKey = (entry: LedgerEntry): string => `${dayKey(mintDayOf(entry))}${timeKey(entry)}`;
export const certificateKey = (hash: string): string => `certificate/${hash}`;

export const closedKey = 'closed';
