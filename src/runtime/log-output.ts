/**
 * Where the lines of a log go: a file descriptor that others may spoil at any time. The disk behind it fills up, the terminal is closed,
 * the program that should read the pipe sleeps for ever. None of that may stop the program that logs, fill its memory, or keep it from
 * ending: what cannot be written waits and is tried again, and what comes when too much waits already is lost.
 */
import { write, writeSync } from 'node:fs';
import { systemClock, type Clock } from './clock.js';
import { isCode } from './errors.js';

const maxWaitingChars = 1 << 20;
/** For a pipe that is full. */
const retryMs = 100;
/** When the process ends, a reader that is only slow gets the last lines; one that sleeps does not hold it up. */
const lastTryMs = 500;

export interface LogFile {
  /** Does not block; `written` bytes of it, which may be fewer than were given. */
  write(bytes: Uint8Array, done: (error: unknown, written: number) => void): void;
  writeSync(bytes: Uint8Array): number;
}

export class LogOutput {
  readonly #file: LogFile;
  readonly #clock: Clock;
  #waiting = '';
  /** Begun, and not yet written to its end: a line is never cut in two. */
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

  /** Blocks, but not for long. What is being written at this moment is on its way. */
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
    } else this.#state = 'idle'; // the next line tries again: by then there may be room
  }
}

/** For as long as this process runs. */
export function standardOutput(): LogOutput {
  // Node opens a pipe there so that it does not block: a thread that waits for a reader would hold up the end of the process.
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
