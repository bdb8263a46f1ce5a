/** Progress of something long: a bar on a terminal, otherwise an occasional line. */
import { MultiBar, type SingleBar } from 'cli-progress';
import type { Clock } from '../runtime/clock.js';
import { showBytes, showTimeLeft } from './sizes.js';

const maxBarChars = 28;
const minBarChars = 8;
/** Maximum width of the text beside the bar. */
const wordsChars = 56;
const usualColumns = 80;
const framesPerSecond = 5;
/** The rate covers only the last seconds, so that it is current. */
const rateWindowMs = 5_000;
const minRateWindowMs = 400;
const linePeriodMs = 10_000;

export interface ProgressBar {
  /** @param note shown after the rate: where the data comes from */
  update(bytes: number, totalBytes: number | undefined, note?: string): void;
  /** Prints a line of its own above the bar. */
  say(text: string): void;
  /** Removes the bar; printed lines stay. */
  end(): void;
}

export function progressBar(out: NodeJS.WriteStream, clock: Clock): ProgressBar {
  const rate = new Rate();
  return out.isTTY ? terminalBar(out, clock, rate) : plainLines(out, clock, rate);
}

function terminalBar(out: NodeJS.WriteStream, clock: Clock, rate: Rate): ProgressBar {
  let words = '';
  const bars = new MultiBar({
    stream: out,
    fps: framesPerSecond,
    hideCursor: true,
    clearOnComplete: true,
    linewrap: false,
    emptyOnZero: true,
    gracefulExit: false, // whoever shows the bar ends it, also at Ctrl-C
    format: (_options, { progress }) => `${drawBar(progress, out.columns)} ${words}`,
  });
  let bar: SingleBar | undefined;
  return {
    update(bytes, totalBytes, note) {
      rate.note(clock.monotonicMs(), bytes);
      words = describe(bytes, totalBytes, rate.bytesPerSecond, note);
      bar ??= bars.create(0, 0);
      bar.setTotal(totalBytes ?? 0);
      bar.update(bytes);
    },
    say(text) {
      if (bar === undefined) out.write(`${text}\n`);
      else {
        bars.log(`${text}\n`);
        bars.update();
      }
    },
    end() {
      if (bar !== undefined) bars.stop();
      bar = undefined;
    },
  };
}

function drawBar(progress: number, columns = usualColumns): string {
  const chars = Math.max(minBarChars, Math.min(maxBarChars, columns - wordsChars));
  const done = Math.round(Math.min(1, Math.max(0, progress)) * chars);
  return '█'.repeat(done).padEnd(chars, '░');
}

function plainLines(out: NodeJS.WriteStream, clock: Clock, rate: Rate): ProgressBar {
  let saidMs = clock.monotonicMs();
  return {
    update(bytes, totalBytes, note) {
      const ms = clock.monotonicMs();
      rate.note(ms, bytes);
      if (ms - saidMs < linePeriodMs) return;
      saidMs = ms;
      out.write(`${describe(bytes, totalBytes, rate.bytesPerSecond, note)}\n`);
    },
    say: (text) => void out.write(`${text}\n`),
    end: () => {},
  };
}

function describe(
  bytes: number,
  total: number | undefined,
  rate: number | undefined,
  note: string | undefined,
): string {
  const left =
    total !== undefined && rate !== undefined && rate > 0 && bytes < total
      ? `${showTimeLeft((total - bytes) / rate)} left`
      : '';
  return [
    total === undefined
      ? showBytes(bytes)
      : `${(Math.min(1, bytes / total) * 100).toFixed(1)} % of ${showBytes(total)}`,
    rate === undefined ? '' : `${showBytes(rate)}/s`,
    note ?? '',
    left,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

class Rate {
  readonly #samples: { readonly ms: number; readonly bytes: number }[] = [];

  note(ms: number, bytes: number): void {
    this.#samples.push({ ms, bytes });
    while (this.#samples.length > 2 && ms - (this.#samples[0]?.ms ?? ms) > rateWindowMs) this.#samples.shift();
  }

  /** Undefined while there is no rate yet. */
  get bytesPerSecond(): number | undefined {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.ms - first.ms < minRateWindowMs) return undefined;
    return ((last.bytes - first.bytes) * 1_000) / (last.ms - first.ms);
  }
}
