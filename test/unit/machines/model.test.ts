import { describe, expect, it } from 'vitest';
import { modelMachine } from '../../../src/machines/model.machine.js';
import { stage, untaken, type Staged } from './stage.js';

const model = { name: 'counter', sha256: 'sha', bytes: 1, path: '/m.gguf', contextSize: 512, memoryBytes: 1 };
const found = { type: 'file.found', path: '/m.gguf' };
const verified = (mustProbe: boolean) => ({ type: 'file.verified', model, mustProbe });
const turn = { type: 'turn.given' };
const probed = { type: 'file.probed' };
const refused = { type: 'file.refused', reason: 'not a GGUF' };
const wanted = { type: 'model.wanted' };

function modelWith(...events: { type: string }[]): Staged {
  const staged = stage(modelMachine, { wanted: 'counter' });
  staged.send(...events);
  return staged;
}

describe('a model', () => {
  it('that was built here is found, hashed and given to its engine, untried', () => {
    const staged = modelWith(found, verified(false));
    expect(staged.did()).toEqual(['announceReady']);
    expect(staged.told()).toEqual(['locate started', 'locate stopped', 'verify started', 'verify stopped']);
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
    expect(staged.told().sort()).toEqual(['probe stopped', 'turn stopped']); // the next in line may begin
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

  it('stops in every state', () => {
    for (const path of [[], [found], [found, verified(true)], [found, verified(true), turn], [refused]]) {
      const staged = modelWith(...path, { type: 'sys.shutdown' });
      expect(staged.isDone).toBe(true);
      expect(staged.clock.pending).toBe(0);
    }
  });

  it('has no transition that was not taken here', () => expect(untaken(modelMachine)).toEqual([]));
});
