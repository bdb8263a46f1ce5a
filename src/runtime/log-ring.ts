/**
 * The last lines of the log, for the pages. A ring of bounded size that keeps only the fields the caller names: a log
 * may say more than a page should show.
 */
import type { Clock } from './clock.js';
import { reasonOf } from './errors.js';
import type { LogFields, Logger } from './log.js';

const maxLines = 500;
const maxValueLength = 200;

export interface LogLine {
  /** Unix time. */
  readonly atMs: number;
  readonly level: 'info' | 'warn' | 'error';
  readonly event: string;
  /** As readable text of bounded length. */
  readonly fields: Readonly<Record<string, string>>;
}

export class LogRing {
  readonly #clock: Clock;
  readonly #shown: ReadonlySet<string>;
  readonly #lines: LogLine[] = [];
  readonly #listeners = new Set<(line: LogLine) => void>();

  /** @param shown names of the fields to keep. */
  constructor(clock: Clock, shown: Iterable<string>) {
    this.#clock = clock;
    this.#shown = new Set(shown);
  }

  /** Oldest first. */
  get lines(): readonly LogLine[] {
    return this.#lines;
  }

  /** @returns unsubscribe */
  listen(hear: (line: LogLine) => void): () => void {
    this.#listeners.add(hear);
    return () => void this.#listeners.delete(hear);
  }

  /** The same log, which also keeps lines from `info` up here, whatever level it writes. */
  keeping(log: Logger): Logger {
    const at =
      (level: 'info' | 'warn' | 'error') =>
      (event: string, fields?: LogFields): void => {
        log[level](event, fields);
        this.#keep(level, event, fields);
      };
    return {
      debug: (event, fields) => log.debug(event, fields),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (fields) => this.keeping(log.child(fields)),
    };
  }

  #keep(level: LogLine['level'], event: string, fields: LogFields = {}): void {
    const kept = Object.entries(fields).filter(([name, value]) => this.#shown.has(name) && value !== undefined);
    const line = {
      atMs: this.#clock.now(),
      level,
      event,
      fields: Object.fromEntries(kept.map(([name, value]) => [name, readable(value)])),
    };
    if (this.#lines.push(line) > maxLines) this.#lines.shift();
    for (const hear of this.#listeners) hear(line);
  }
}

const readable = (value: unknown): string =>
  typeof value === 'object' && value !== null && !(value instanceof Error)
    ? JSON.stringify(value).slice(0, maxValueLength)
    : reasonOf(value).slice(0, maxValueLength);
