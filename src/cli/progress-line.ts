/** The course of a fetch on a terminal: one line that is written over; a line a second where nobody watches. */
import type { Clock } from '../runtime/clock.js';

const barChars = 24;
const redrawMs = 200;
/** The rate is that of the last seconds, so that it says what is, not what was. */
const rateWindowMs = 5_000;

export interface ProgressLine {
  update(bytes: number, totalBytes: number | undefined, seeders: number): void;
  /** A line of its own, above. */
  say(text: string): void;
  end(): void;
}

export function progressLine(out: NodeJS.WriteStream, clock: Clock): ProgressLine {
  const samples: { readonly ms: number; readonly bytes: number }[] = [];
  let drawnMs = -Infinity;
  const clear = (): void => {
    if (out.isTTY) out.write('\r\x1b[2K');
  };
  return {
    update(bytes, totalBytes, seeders) {
      const ms = clock.monotonicMs();
      samples.push({ ms, bytes });
      while (samples.length > 2 && ms - (samples[0]?.ms ?? ms) > rateWindowMs) samples.shift();
      if (ms - drawnMs < redrawMs || !out.isTTY) return;
      drawnMs = ms;
      clear();
      out.write(draw(bytes, totalBytes, seeders, rateOf(samples)));
    },
    say(text) {
      clear();
      out.write(`${text}\n`);
    },
    end: clear,
  };
}

/** Bytes a second; undefined before there is one. */
function rateOf(samples: readonly { readonly ms: number; readonly bytes: number }[]): number | undefined {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || last.ms - first.ms < redrawMs) return undefined;
  return ((last.bytes - first.bytes) * 1_000) / (last.ms - first.ms);
}

function draw(bytes: number, total: number | undefined, seeders: number, rate: number | undefined): string {
  const from = `from ${seeders} ${seeders === 1 ? 'source' : 'sources'}`;
  const speed = rate === undefined ? '' : `, ${megabytes(rate)}/s`;
  if (total === undefined) return `${megabytes(bytes)}${speed}, ${from}`;
  const done = Math.min(1, bytes / total);
  const bar = '█'.repeat(Math.round(done * barChars)).padEnd(barChars, '░');
  const left = rate === undefined || rate <= 0 ? '' : `, ${duration((total - bytes) / rate)} left`;
  return `${bar} ${(done * 100).toFixed(1)} % of ${megabytes(total)}${speed}, ${from}${left}`;
}

export const megabytes = (bytes: number): string =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  return whole < 60 ? `${whole} s` : whole < 3_600 ? `${Math.ceil(whole / 60)} min` : `${(whole / 3_600).toFixed(1)} h`;
}
