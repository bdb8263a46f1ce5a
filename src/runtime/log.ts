/**
 * Logging: JSON lines on stdout (pino), readable lines on a terminal. A line is an event with fields,
 * `log.info('worker.ready', { workerId })`, so that programs can act on it. Writing never blocks the event loop
 * (log-output.ts); what is unwritten when the process exits is flushed then.
 */
import { pino, type DestinationStream } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { standardOutput } from './log-output.js';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export type LogFields = Readonly<Record<string, unknown>>;

/** `event` is `noun.verb`; an error goes into the field `error`. */
export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** The same log, with these fields in each line. */
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Readable lines instead of JSON. Default: when stdout is a terminal. */
  readonly pretty?: boolean;
  /** Default: stdout. */
  readonly destination?: DestinationStream;
}

/** Redacted wherever they occur, up to two levels deep. */
const secrets = ['authorization', 'apiKey', 'identitySeed', 'keySeed', 'password', 'secretKey'];

/** How many levels of causes are logged. */
const maxCauses = 4;

export function createLogger({ level, pretty, destination }: LoggerOptions): Logger {
  const output = destination ?? standardOutput();
  const isPretty = pretty ?? (destination === undefined && process.stdout.isTTY);
  const options = {
    level,
    base: null,
    redact: { paths: secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '(secret)' },
    serializers: { error: (error: unknown) => describeError(error) },
  };
  return wrap(pino(options, isPretty ? readable(output) : output));
}

export const nullLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => nullLogger,
};

function wrap(log: pino.Logger): Logger {
  return {
    debug: (event, fields) => log.debug({ event, ...fields }),
    info: (event, fields) => log.info({ event, ...fields }),
    warn: (event, fields) => log.warn({ event, ...fields }),
    error: (event, fields) => log.error({ event, ...fields }),
    child: (fields) => wrap(log.child(fields)),
  };
}

function readable(output: DestinationStream): DestinationStream {
  const colorize = !process.stdout.isTTY || process.stdout.hasColors(); // respects NO_COLOR
  const format = prettyFactory({ colorize, messageKey: 'event', translateTime: 'HH:MM:ss.l', singleLine: true });
  return {
    write(line) {
      output.write(format(line));
    },
  };
}

/** Only the fields every error has: an error's own fields may hold a request's text or a key. */
export function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return typeof error === 'object' ? Object.prototype.toString.call(error) : error;
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === 'string' && { code }),
    ...(depth === 0 && { stack: error.stack }),
    ...(error.cause !== undefined && depth < maxCauses && { cause: describeError(error.cause, depth + 1) }),
  };
}
