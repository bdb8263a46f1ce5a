import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/runtime/log.js';
import { LogRing, type LogLine } from '../../../src/runtime/log-ring.js';
import { VirtualClock } from '../../../src/runtime/virtual-clock.js';

const written: string[] = [];
const silent = createLogger({
  level: 'error',
  pretty: false,
  destination: { write: (line) => void written.push(line) },
});

describe('the last lines of the log', () => {
  it('are kept from info up, whatever the log writes, with the fields that are named and no others', () => {
    const ring = new LogRing(new VirtualClock(1_000), ['reason', 'error', 'models']);
    const log = ring.keeping(silent).child({ part: 'x' });
    log.debug('a.a', { reason: 'no' });
    log.info('b.b', { reason: 'why', prompt: 'secret', models: ['m'] });
    log.error('c.c', { error: new Error('it broke\n  at somewhere'), key: 'secret' });
    expect(ring.lines).toEqual([
      { atMs: 1_000, level: 'info', event: 'b.b', fields: { reason: 'why', models: '["m"]' } },
      { atMs: 1_000, level: 'error', event: 'c.c', fields: { error: 'it broke at somewhere' } },
    ]);
    expect(written).toHaveLength(1);
  });

  it('are bounded in number and length, and heard as they come', () => {
    const ring = new LogRing(new VirtualClock(0), ['reason']);
    const heard: LogLine[] = [];
    const stop = ring.listen((line) => heard.push(line));
    const log = ring.keeping(silent);
    for (let line = 0; line < 2_000; line++) log.info(`e.${line}`, { reason: 'x'.repeat(10_000) });
    expect(ring.lines).toHaveLength(500);
    expect(ring.lines.at(-1)?.event).toBe('e.1999');
    expect(ring.lines[0]?.fields.reason?.length).toBeLessThanOrEqual(300);
    expect(heard).toHaveLength(2_000);
    stop();
    log.info('last.one');
    expect(heard).toHaveLength(2_000);
  });
});
