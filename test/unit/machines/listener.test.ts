/** The chart of what the admin page and the control channel have in common: a listener whose address is taken is tried again, and said once. */
import { afterAll, describe, expect, it } from 'vitest';
import { listenerMachine } from '../../../src/machines/listener.machine.js';
import { stage, untaken } from './stage.js';

afterAll(() => expect(untaken(listenerMachine)).toEqual([]));

const address = '127.0.0.1:8787';

describe('a listener', () => {
  it('is announced with its address, and closes when it is told to', () => {
    const listener = stage(listenerMachine);
    listener.send({ type: 'listener.listening', address });
    expect(listener.state).toEqual({ open: 'listening' });
    expect(listener.did()).toEqual(['announce']);
    listener.send({ type: 'sys.shutdown' });
    expect(listener.isDone).toBe(true);
    expect(listener.told()).toEqual(['server started', 'server stopped']);
    expect(listener.clock.pending).toBe(0);
  });

  it('retries after a second, then ever less often, reports failure once, and resets on success', () => {
    const listener = stage(listenerMachine);
    for (const wait of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
      listener.send({ type: 'listener.failed', error: new Error('taken') });
      expect(listener.state).toBe('backingOff');
      listener.clock.advance(wait - 1);
      expect(listener.state).toBe('backingOff');
      listener.clock.advance(1);
      expect(listener.state).toEqual({ open: 'opening' });
    }
    expect(listener.did()).toEqual(['reportFailure']);
    listener.send({ type: 'listener.listening', address }, { type: 'listener.failed', error: new Error('lost') });
    expect(listener.did()).toEqual(['announce', 'reportFailure']);
    listener.clock.advance(1_000);
    expect(listener.state).toEqual({ open: 'opening' });
  });

  it('that neither listens nor fails is retried', () => {
    const listener = stage(listenerMachine);
    listener.clock.advance(10_000);
    expect(listener.state).toBe('backingOff');
  });
});
