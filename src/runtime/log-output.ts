/**
 * Writes log lines to a file descriptor that can break at any time: the disk fills up, the terminal is closed, the
 * program reading the pipe hangs. None of that may stop the logging program, fill its memory or keep it from exiting.
 * What cannot be written waits and is retried; when too much is waiting already, new lines are dropped.
 */
import { write, writeSync } from 'node:fs';
import { systemClock, type Clock } from './clock.js';
import { isCode } from './errors.js';

const maxWaitingChars = 1 << 20;
/** Delay before a full pipe is tried again. */
const retryMs = 100;
/** At exit, a reader that is only slow still gets the last lines; one that hangs does not block the exit. */
const lastTryMs = 500;

export interface LogFile {
  /** Does not block. `written` may be fewer bytes than were given. */
  write(bytes: Uint8Array, done: (error: unknown, written: number) => void): void;
  writeSync(bytes: Uint8Array): number;
}

export class LogOutput {
  readonly #file: LogFile;
  readonly #clock: Clock;
  #waiting = '';
  /** What remains of the batch being written. It is always finished first, so that no line is cut in two. */
  #begun: Uint8Array = new Uint8Array();
  #state: 'idle' | 'writing' | 'full' = 'idle';

  constructor(file: LogFile, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  write(line: string): void {
    if (this.#waiting.length + line.length > maxWaitingChars) return;
    this.#waiting += line;
    if (this.#state === 'idle') this.#next();
  }

  /** Blocks, but not for long. A write in progress is not repeated. */
  flush(): void {
    let rest = this.#state === 'writing' ? Buffer.from(this.#waiting) : this.#unwritten();
    const deadlineMs = this.#clock.monotonicMs() + lastTryMs;
    while (rest.length > 0)
      try {
        rest = rest.subarray(this.#file.writeSync(rest));
      } catch (error) {
        if (!isCode(error, 'EAGAIN') || this.#clock.monotonicMs() >= deadlineMs) return;
        block(retryMs / 10);
      }
  }

  #unwritten(): Buffer {
    return Buffer.concat([this.#begun, Buffer.from(this.#waiting)]);
  }

  #next(): void {
    if (this.#begun.length === 0) {
      this.#begun = Buffer.from(this.#waiting);
      this.#waiting = '';
    }
    this.#state = this.#begun.length === 0 ? 'idle' : 'writing';
    if (this.#state === 'writing') this.#file.write(this.#begun, (error, written) => this.#wrote(error, written));
  }

  #wrote(error: unknown, written: number): void {
    if (!error) {
      this.#begun = this.#begun.subarray(written);
      this.#next();
    } else if (isCode(error, 'EAGAIN')) {
      this.#state = 'full';
      this.#clock.setTimeout(() => this.#next(), retryMs);
    } else this.#state = 'idle'; // the next line tries again: there may be room by then
  }
}

/** Lasts as long as this process. */
export function standardOutput(): LogOutput {
  // Node opens a pipe as non-blocking here: a thread waiting for a reader would delay the exit of the process.
  const { fd } = process.stdout;
  const file: LogFile = {
    write: (bytes, done) => write(fd, bytes, done),
    writeSync: (bytes) => writeSync(fd, bytes),
  };
  const output = new LogOutput(file, systemClock);
  process.on('exit', () => output.flush());
  return output;
}

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
