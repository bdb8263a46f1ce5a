/**
 * What was typed into chats, for the arrow keys: a file in the home with one JSON string per line, readable only by its
 * user, of limited size. If it cannot be written, the chat continues without it.
 */
import { appendFileSync, chmodSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../../runtime/replace-file.js';

export const historyLimits = {
  entries: 500,
  /** Longer entries are not kept. */
  entryChars: 4_000,
  /** A larger file is rewritten with only what is kept. */
  fileBytes: 512 * 1_024,
} as const;

const mode = 0o600;

export interface InputHistory {
  /** Newest first. */
  readonly entries: readonly string[];
  add(entry: string): void;
}

export function openInputHistory(home: string): InputHistory {
  const path = join(home, 'chat-history.jsonl');
  let entries = read(path);
  return {
    get entries() {
      return entries;
    },
    add(entry) {
      if (entry.length > historyLimits.entryChars || entry === entries[0]) return;
      entries = [entry, ...entries].slice(0, historyLimits.entries);
      try {
        appendFileSync(path, lineOf(entry), { mode });
        if (statSync(path).size > historyLimits.fileBytes) rewrite(path, entries);
      } catch {
        // the arrow keys still have it until this chat ends
      }
    },
  };
}

export const noHistory = (): InputHistory => ({ entries: [], add: () => {} });

const lineOf = (entry: string): string => `${JSON.stringify(entry)}\n`;

/** Keeps the newest entries that fit into half of the limit, so that the file is not rewritten each time. */
function rewrite(path: string, entries: readonly string[]): void {
  let room = historyLimits.fileBytes / 2;
  const kept = entries.map(lineOf).filter((line) => (room -= Buffer.byteLength(line)) >= 0);
  replaceFile(path, kept.reverse().join(''), { mode });
}

function read(path: string): readonly string[] {
  try {
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, mode);
    const lines = readFileSync(path, 'utf8').split('\n');
    return lines.flatMap(entryOf).slice(-historyLimits.entries).reverse();
  } catch {
    return [];
  }
}

/** A line cut off by a crash is skipped. */
function entryOf(line: string): string[] {
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === 'string' ? [entry] : [];
  } catch {
    return [];
  }
}
