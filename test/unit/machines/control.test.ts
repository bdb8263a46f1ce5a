/** The chart of the control channel: one that cannot be had is tried again, and said once. */
import { afterAll, describe, expect, it } from 'vitest';
import { controlMachine } from '../../../src/machines/control.machine.js';
import { stage, untaken } from './stage.js';

afterAll(() => expect(untaken(controlMachine)).toEqual([]));

describe('the control channel', () => {
  it('listens until it is told to stop, and closes then', () => {
    const control = stage(controlMachine);
    expect(control.state).toEqual({ open: 'opening' });
    control.send({ type: 'control.listening' });
    expect(control.state).toEqual({ open: 'listening' });
    control.send({ type: 'sys.shutdown' });
    expect(control.isDone).toBe(true);
    expect(control.told()).toEqual(['server started', 'server stopped']);
    expect(control.clock.pending).toBe(0);
  });

  it('tries again after a second, then less and less often, and says so once', () => {
    const control = stage(controlMachine);
    const waits = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000];
    for (const wait of waits) {
      control.send({ type: 'control.failed', error: new Error('no') });
      expect(control.state).toBe('backingOff');
      control.clock.advance(wait - 1);
      expect(control.state).toBe('backingOff');
      control.clock.advance(1);
      expect(control.state).toEqual({ open: 'opening' });
    }
    expect(control.did()).toEqual(['reportFailure']);
    control.send({ type: 'control.listening' }, { type: 'control.failed', error: new Error('again') });
    expect(control.did()).toEqual(['reportFailure']);
    control.send({ type: 'sys.shutdown' });
    expect(control.isDone).toBe(true);
  });
});
