/**
 * The last lines of the log, for people who look at a page instead of a file. Kept in a ring of bounded size, and of each line only the
 * fields that the caller names: a log may say more than a page should.
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
  /** Readable, each of bounded length. */
  readonly fields: Readonly<Record<string, string>>;
}

export class LogRing {
  readonly #clock: Clock;
  readonly #shown: ReadonlySet<string>;
  readonly #lines: LogLine[] = [];
  readonly #listeners = new Set<(line: LogLine) => void>();

  /** @param shown names of the fields that are kept. */
  constructor(clock: Clock, shown: Iterable<string>) {
    this.#clock = clock;
    this.#shown = new Set(shown);
  }

  /** The oldest first. */
  get lines(): readonly LogLine[] {
    return this.#lines;
  }

  /** @returns what ends it. */
  listen(hear: (line: LogLine) => void): () => void {
    this.#listeners.add(hear);
    return () => void this.#listeners.delete(hear);
  }

  /** The same log; its lines from `info` up are kept here, whatever level it writes. */
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
