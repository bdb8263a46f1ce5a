/** The two ends of a connection, the worker's `peer` and the client's `link`, and either end of one on the score network. */
import { describe, expect, it } from 'vitest';
import { linkMachine } from '../../../src/machines/link.machine.js';
import { peerMachine } from '../../../src/machines/peer.machine.js';
import { scorePeerMachine } from '../../../src/machines/score-peer.machine.js';
import { stage, untaken } from './stage.js';

const greeted = { type: 'connection.greeted' };
const frame = { type: 'connection.frame' };
const refused = { type: 'connection.refused' };
const closed = { type: 'connection.closed' };
const shutdown = { type: 'sys.shutdown' };

describe('a link', () => {
  it('that hears no greeting within five seconds is half-open, and is closed', () => {
    const link = stage(linkMachine);
    link.clock.advance(4_999);
    expect(link.state).toEqual({ connected: 'handshake' });
    link.clock.advance(1);
    expect(link.isDone).toBe(true);
    expect(link.told()).toEqual(['connection started', 'connection stopped']);
  });

  it('that was greeted stays, as long as the connection does', () => {
    const link = stage(linkMachine);
    link.send(greeted);
    link.clock.advance(3_600_000);
    expect(link.state).toEqual({ connected: 'open' });
    link.send(closed);
    expect(link.isDone).toBe(true);
  });

  it('flushes on shutdown, for a second at most', () => {
    for (const path of [[], [greeted]]) {
      const link = stage(linkMachine);
      link.send(...path, shutdown, shutdown);
      expect(link.did()).toEqual(['endConnection']);
      link.clock.advance(1_000);
      expect(link.isDone).toBe(true);
    }
    const closing = stage(linkMachine);
    closing.send(shutdown, closed);
    expect(closing.isDone).toBe(true);
    expect(closing.clock.pending).toBe(0);
  });

  it('has no transition that was not taken here', () => expect(untaken(linkMachine)).toEqual([]));
});

describe('a peer', () => {
  it('that never speaks gives its place back after ten minutes', () => {
    const peer = stage(peerMachine);
    peer.clock.advance(600_000 - 1);
    expect(peer.did()).toEqual([]);
    peer.clock.advance(1);
    expect(peer.did()).toEqual(['endConnection']);
    peer.clock.advance(1_000);
    expect(peer.isDone).toBe(true);
    expect(peer.told()).toEqual(['connection started', 'connection stopped']);
  });

  it('that spoke once may stay and watch', () => {
    const peer = stage(peerMachine);
    peer.send(frame);
    peer.clock.advance(24 * 3_600_000);
    expect(peer.state).toEqual({ connected: 'open' });
    peer.send(closed);
    expect(peer.isDone).toBe(true);
  });

  it('is flushed on shutdown, for a second at most', () => {
    for (const path of [[], [frame]]) {
      const peer = stage(peerMachine);
      peer.send(...path, shutdown, shutdown);
      expect(peer.did()).toEqual(['endConnection']);
      peer.clock.advance(1_000);
      expect(peer.isDone).toBe(true);
    }
  });

  it('has no transition that was not taken here', () => expect(untaken(peerMachine)).toEqual([]));
});

describe('a connection on the score network', () => {
  it('is closed if no hello comes within ten seconds, or something else comes first', () => {
    const silent = stage(scorePeerMachine);
    silent.clock.advance(10_000 - 1);
    expect(silent.state).toEqual({ connected: 'handshake' });
    silent.clock.advance(1);
    expect(silent.isDone).toBe(true);
    const rude = stage(scorePeerMachine);
    rude.send(refused);
    expect(rude.isDone).toBe(true);
    expect(rude.told()).toEqual(['connection started', 'connection stopped']);
  });

  it('stays open once a valid hello has come', () => {
    const peer = stage(scorePeerMachine);
    peer.send(greeted);
    peer.clock.advance(24 * 3_600_000);
    expect(peer.state).toEqual({ connected: 'open' });
    peer.send(closed);
    expect(peer.isDone).toBe(true);
  });

  it('is flushed on shutdown, for a second at most', () => {
    for (const path of [[], [greeted]]) {
      const peer = stage(scorePeerMachine);
      peer.send(...path, shutdown, shutdown);
      expect(peer.did()).toEqual(['endConnection']);
      peer.clock.advance(1_000);
      expect(peer.isDone).toBe(true);
    }
  });

  it('has no transition that was not taken here', () => expect(untaken(scorePeerMachine)).toEqual([]));
});
