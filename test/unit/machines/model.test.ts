import { describe, expect, it } from 'vitest';
import type { AnyEventObject } from 'xstate';
import { modelMachine } from '../../../src/machines/model.machine.js';
import { stage, untaken, type Staged } from './stage.js';

const model = { name: 'counter', sha256: 'sha', bytes: 1, path: '/m.gguf', contextSize: 512, memoryBytes: 1 };
const found = { type: 'file.found', path: '/m.gguf' };
const verified = (mustProbe: boolean) => ({ type: 'file.verified', model, mustProbe });
const turn = { type: 'turn.given' };
const probed = { type: 'file.probed' };
const refused = { type: 'file.refused', reason: 'not a GGUF' };
const wanted = { type: 'model.wanted' };
const missing = { type: 'file.missing', reason: 'not here' };
const arrived = { path: '/fetched.gguf', content: { sha256: 'sha', bytes: 1, tree: 'tree' } };
const fetchEnds = (output: object) => ({ type: 'xstate.done.actor.fetch', output });
const fetched = fetchEnds({ kind: 'fetched', model: arrived });

function modelWith(...events: AnyEventObject[]): Staged {
  const staged = stage(modelMachine.provide({ guards: { canFetch: () => true } }), { wanted: 'counter' });
  staged.send(...events);
  return staged;
}

describe('a model', () => {
  it('that was built here is found, hashed and given to its engine, untried', () => {
    const staged = modelWith(found, verified(false));
    expect(staged.did()).toEqual(['announceReady']);
    const steps = ['locate started', 'locate stopped', 'verify started', 'verify stopped', 'share started'];
    expect(staged.told()).toEqual(steps);
    expect(staged.context).toMatchObject({ model, reason: undefined });
  });

  it('from outside reaches no engine before it has survived a probe, and is probed only in its turn', () => {
    const staged = modelWith(found, verified(true), wanted, probed);
    expect(staged.state).toEqual({ trying: 'waiting' });
    expect(staged.did()).toEqual([]);
    staged.send(turn, wanted);
    expect(staged.told().slice(-2)).toEqual(['turn started', 'probe started']);
    expect(staged.did()).toEqual([]);
    staged.send(probed);
    expect(staged.did()).toEqual(['rememberProbe', 'announceReady']);
    // the next in line may begin
    expect(staged.told().sort()).toEqual(['probe stopped', 'share started', 'turn stopped']);
  });

  it('answers its engine whenever that asks, once it is ready', () => {
    const staged = modelWith(found, verified(false), wanted, wanted);
    expect(staged.did()).toEqual(['announceReady', 'announceReady', 'announceReady']);
  });

  it('is refused at every step, with the reason, and then held by nothing', () => {
    for (const path of [[], [found], [found, verified(true)], [found, verified(true), turn]]) {
      const staged = modelWith(...path, refused, wanted);
      expect(staged.state).toBe('failed');
      expect(staged.did()).toEqual(['announceRefused']);
      expect(staged.context.reason).toBe('not a GGUF');
      const told = staged.told();
      expect(told.filter((word) => word.endsWith('stopped'))).toHaveLength(told.length / 2);
      expect(staged.clock.pending).toBe(0);
    }
  });

  it('of 40 GB has the time that a slow disk takes for its trial', () => {
    const large = { type: 'file.verified', model: { ...model, bytes: 40e9 }, mustProbe: true };
    const staged = modelWith(found, large, turn);
    staged.clock.advance(919_999);
    expect(staged.did()).toEqual([]);
    staged.clock.advance(1);
    expect(staged.did()).toEqual(['announceRefused']);
  });

  it.each([
    ['looking', [], 60_000],
    ['reading', [found], 1_800_000],
    ['the trial', [found, verified(true), turn], 120_000],
  ])('fails where %s takes too long, and says so', (what, path, limitMs) => {
    const staged = modelWith(...path);
    staged.clock.advance(limitMs - 1);
    expect(staged.did()).toEqual([]);
    staged.clock.advance(1);
    expect(staged.did()).toEqual(['announceRefused']);
    expect(staged.context.reason).toContain(what);
  });

  it('that is missing is fetched, told what it is, and probed like any other', () => {
    const staged = modelWith(missing);
    expect(staged.did()).toEqual(['announceMissing']);
    expect(staged.told()).toEqual(['locate started', 'locate stopped', 'fetch started']);
    staged.send(fetched);
    expect(staged.did()).toEqual(['rememberFetch']);
    expect(staged.context).toMatchObject({ path: '/fetched.gguf', fetched: arrived });
    staged.send(verified(true), turn);
    expect(staged.did()).toEqual([]);
    staged.send(probed);
    expect(staged.did()).toEqual(['rememberProbe', 'announceReady']);
  });

  it('that cannot be fetched is refused with every reason, and looked for again', () => {
    const staged = modelWith(missing, fetchEnds({ kind: 'failed', reasons: ['nobody has it', 'no room'] }));
    expect(staged.did()).toEqual(['announceMissing', 'announceRefused']);
    expect(staged.context.reason).toBe('not here Then: nobody has it Then: no room');
    staged.told();
    staged.clock.advance(120_000);
    expect(staged.told()).toEqual(['locate started']);
    staged.send(found, verified(false));
    expect(staged.did()).toEqual(['announceReady']);
  });

  it.each([
    ['kills its probe', (staged: Staged) => staged.send(refused)],
    ['does not come to an end in it', (staged: Staged) => staged.clock.advance(120_000)],
  ])('that was fetched and %s is not kept, and never reaches an engine', (_, fail) => {
    const staged = modelWith(missing, fetched, verified(true), turn);
    fail(staged);
    expect(staged.did()).toEqual(['announceMissing', 'rememberFetch', 'discardFetched', 'announceRefused']);
    expect(staged.state).toBe('lacking');
    staged.clock.advance(120_000);
    staged.send(found, verified(true), turn, refused); // the user has put one there meanwhile: that is the user's
    expect(staged.state).toBe('failed');
    expect(staged.did()).toEqual(['announceRefused']);
  });

  it('is tried again where its trial was killed from outside, and is kept even if that happens three times', () => {
    const killed = { type: 'probe.killed' };
    const staged = modelWith(missing, fetched, verified(true), turn, killed);
    expect(staged.state).toEqual({ trying: 'killed' });
    staged.clock.advance(30_000);
    expect(staged.state).toEqual({ trying: 'probing' });
    staged.send(killed);
    staged.clock.advance(30_000);
    staged.send(killed);
    expect(staged.state).toBe('failed');
    const did = ['announceMissing', 'rememberFetch', 'announceKilled', 'announceKilled', 'announceRefused'];
    expect(staged.did()).toEqual(did);
    expect(staged.context.reason).toContain('memory');
  });

  it('is not fetched where there is no mesh', () => {
    const alone = stage(modelMachine, { wanted: 'counter' });
    alone.send(missing);
    expect(alone.did()).toEqual(['announceRefused']);
    expect(alone.context.reason).toBe('not here');
  });

  it('is served where it cannot be offered, and that is tried again', () => {
    const staged = modelWith(found, verified(false), { type: 'share.failed', reason: 'the disk' }, wanted);
    expect(staged.did()).toEqual(['announceReady', 'announceUnshared', 'announceReady']);
    staged.told();
    staged.clock.advance(10_000);
    expect(staged.told()).toEqual(['share started']);
  });

  it('stops in every state', () => {
    const nowhere = fetchEnds({ kind: 'failed', reasons: [] });
    for (const path of [
      [],
      [found],
      [found, verified(true)],
      [found, verified(true), turn],
      [refused],
      [missing],
      [missing, nowhere],
    ]) {
      const staged = modelWith(...path, { type: 'sys.shutdown' });
      expect(staged.isDone).toBe(true);
      expect(staged.clock.pending).toBe(0);
    }
  });

  it('has no transition that was not taken here', () => expect(untaken(modelMachine)).toEqual([]));
});
