import { describe, expect, it } from 'vitest';
import { createLogger, nullLogger, type LoggerOptions } from '../../../src/runtime/log.js';

function capture(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const log = createLogger({
    level: 'debug',
    pretty: false,
    destination: { write: (line) => void lines.push(line) },
    ...options,
  });
  return { log, lines, parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('log', () => {
  it('writes an event a line, with its fields and those of its parents', () => {
    const { log, parsed } = capture();
    log.info('worker.ready', { workerId: 'w1' });
    log.child({ peer: 3 }).warn('peer.slow');
    expect(parsed()).toMatchObject([
      { level: 30, event: 'worker.ready', workerId: 'w1' },
      { level: 40, event: 'peer.slow', peer: 3 },
    ]);
  });

  it('keeps to its level', () => {
    const { log, lines } = capture({ level: 'warn' });
    log.debug('a');
    log.info('b');
    log.error('c');
    expect(lines).toHaveLength(1);
  });

  it('hides secrets, also inside of objects', () => {
    const { log, lines } = capture();
    log.info('x', { authorization: 'Bearer hush', headers: { authorization: 'hush' }, a: { b: { keySeed: 'hush' } } });
    log.child({ secretKey: 'hush' }).info('y');
    expect(lines.join()).not.toContain('hush');
    expect(lines.join()).toContain('(secret)');
  });

  it('writes what every error has, with its causes, and none of its own fields', () => {
    const { log, lines, parsed } = capture();
    const cause = Object.assign(new Error('no space'), { code: 'ENOSPC', request: 'hush' });
    log.error('store.failed', { error: Object.assign(new TypeError('cannot store', { cause }), { prompt: 'hush' }) });
    expect(parsed()[0]).toMatchObject({
      error: {
        type: 'TypeError',
        message: 'cannot store',
        cause: { type: 'Error', message: 'no space', code: 'ENOSPC' },
      },
    });
    expect(lines.join()).not.toContain('hush');
    const loop = new Error('loop');
    loop.cause = loop;
    log.error('endless', { error: loop });
    log.error('not.an.error', { error: { prompt: 'hush' } });
    log.error('text', { error: 'plain' });
    expect(lines.join()).not.toContain('hush');
    expect(parsed().at(-1)).toMatchObject({ error: 'plain' });
  });

  it('is readable on a terminal', () => {
    const { log, lines } = capture({ pretty: true });
    log.info('worker.ready', { workerId: 'w1' });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/worker\.ready/);
    expect(lines[0]).toMatch(/w1/);
    expect(() => JSON.parse(lines[0]!) as unknown).toThrow();
  });

  it('can be nothing at all', () => {
    expect(nullLogger.child({})).toBe(nullLogger);
  });
});
