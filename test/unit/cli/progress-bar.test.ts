/** A bar on a terminal fits its line and says rate, sources and time left; where nobody watches there is a line now and then. */
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { progressBar } from '../../../src/cli/progress-bar.js';
import { VirtualClock } from '../../../src/runtime/virtual-clock.js';

function screen(columns: number | undefined): { out: NodeJS.WriteStream; shown: () => string } {
  let text = '';
  const stream = new PassThrough().on('data', (chunk: Buffer) => (text += chunk.toString()));
  const out = Object.assign(stream, { isTTY: columns !== undefined, columns }) as unknown as NodeJS.WriteStream;
  return { out, shown: () => text };
}

it.each([40, 80, 200])('at %d columns', (columns) => {
  const clock = new VirtualClock();
  const { out, shown } = screen(columns);
  const bar = progressBar(out, clock);
  bar.say('before');
  for (let second = 0; second <= 4; second++) {
    bar.update(second * 10e6, 100e6, 'from 3 sources');
    clock.advance(1_000);
  }
  bar.say('among it'); // draws the bar anew
  bar.end();
  const plain = shown().replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '\n');
  expect(plain).toContain('before\n');
  expect(plain).toContain('among it\n');
  const drawn = plain.split('\n').filter((line) => line.includes('%'));
  expect(drawn.at(-1)).toMatch(/█+░+ 40\.0 % of 100 MB, 10 MB\/s, from 3 sources, 6 s left/);
  if (columns >= 80) for (const line of drawn) expect(line.length).toBeLessThanOrEqual(columns);
});

it('of what has no known end it says how much there is; into a file it writes a line every ten seconds', () => {
  const clock = new VirtualClock();
  const { out, shown } = screen(undefined);
  const bar = progressBar(out, clock);
  for (let second = 0; second < 35; second++) {
    bar.update(second * 1e6, undefined);
    clock.advance(1_000);
  }
  bar.end();
  expect(shown().trim().split('\n')).toEqual(['10 MB, 1.0 MB/s', '20 MB, 1.0 MB/s', '30 MB, 1.0 MB/s']);
});
