/** The chart of the admin page: one whose address is taken is tried again, and said once. */
import { afterAll, describe, expect, it } from 'vitest';
import { adminMachine } from '../../../src/machines/admin.machine.js';
import { stage, untaken } from './stage.js';

afterAll(() => expect(untaken(adminMachine)).toEqual([]));

const address = '127.0.0.1:8787';

describe('the admin page', () => {
  it('is announced with its address, and closes when it is told to', () => {
    const admin = stage(adminMachine);
    admin.send({ type: 'admin.listening', address });
    expect(admin.state).toEqual({ open: 'listening' });
    expect(admin.did()).toEqual(['announce']);
    admin.send({ type: 'sys.shutdown' });
    expect(admin.isDone).toBe(true);
    expect(admin.told()).toEqual(['server started', 'server stopped']);
    expect(admin.clock.pending).toBe(0);
  });

  it('tries again after a second, then less and often, says so once, and is well again after the first success', () => {
    const admin = stage(adminMachine);
    for (const wait of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
      admin.send({ type: 'admin.failed', error: new Error('taken') });
      expect(admin.state).toBe('backingOff');
      admin.clock.advance(wait - 1);
      expect(admin.state).toBe('backingOff');
      admin.clock.advance(1);
      expect(admin.state).toEqual({ open: 'opening' });
    }
    expect(admin.did()).toEqual(['reportFailure']);
    admin.send({ type: 'admin.listening', address }, { type: 'admin.failed', error: new Error('lost') });
    expect(admin.did()).toEqual(['announce', 'reportFailure']);
    admin.clock.advance(1_000);
    expect(admin.state).toEqual({ open: 'opening' });
  });

  it('that neither listens nor fails is tried again', () => {
    const admin = stage(adminMachine);
    admin.clock.advance(10_000);
    expect(admin.state).toBe('backingOff');
  });
});
