import { describe, expect, it } from 'vitest';
import { fetchMachine } from '../../../src/machines/fetch.machine.js';
import { stage, untaken, type Staged } from './stage.js';

const content = { sha256: 'sha', bytes: 3, tree: 'tree' };
const mesh = { kind: 'mesh', content };
const uri = { kind: 'uri', uri: 'hf:a/b/c.gguf', bytes: undefined, sha256: undefined };
const model = { path: '/models/c.gguf', content };

const found = (...sources: object[]) => ({ type: 'sources.found', sources });
const room = { type: 'room.found' };
const advanced = { type: 'fetch.advanced' };
const arrived = { type: 'fetch.arrived' };
const verified = { type: 'fetch.verified', model };
const refused = (reason: string) => ({ type: 'fetch.refused', reason });
const paused = { type: 'fetch.paused' };
const resumed = { type: 'fetch.resumed' };

function fetchWith(...events: { type: string }[]): Staged {
  const staged = stage(fetchMachine, { wanted: 'c' });
  staged.send(...events);
  return staged;
}

describe('the fetch of a model', () => {
  it('finds a source, finds room, fetches, verifies, and is over', () => {
    const staged = fetchWith(found(mesh, uri), room, advanced, arrived, verified);
    expect(staged.output).toEqual({ kind: 'fetched', model });
    expect(staged.told()).toEqual(
      ['findSources', 'findRoom', 'transfer', 'verify'].flatMap((name) => [`${name} started`, `${name} stopped`]),
    );
    expect(staged.did()).toEqual(['announceSource']);
    expect(staged.clock.pending).toBe(0);
  });

  it('fetches nothing before there is room for it', () => {
    const staged = fetchWith(found(mesh), refused('the disk is full'));
    expect(staged.output).toEqual({ kind: 'failed', reasons: ['the disk is full'] });
    expect(staged.told()).not.toContain('transfer started');
  });

  it.each([
    ['there is no room', []],
    ['the transfer fails', [room, advanced]],
    ['the bytes are wrong', [room, arrived]],
  ])('goes to the next source where %s, and tells the reasons of all in the end', (_, path) => {
    const staged = fetchWith(found(mesh, uri), ...path, refused('the first'));
    expect(staged.state).toEqual({ trying: 'checking' });
    expect(staged.context.sources).toEqual([uri]);
    staged.send(...path, refused('the second'));
    expect(staged.output).toEqual({ kind: 'failed', reasons: ['the first', 'the second'] });
  });

  it('stalls while nothing arrives, continues when something does, and abandons a source that stays stalled', () => {
    const staged = fetchWith(found(mesh, uri), room, advanced);
    staged.clock.advance(125_000);
    expect(staged.state).toEqual({ trying: { fetching: 'stalled' } });
    staged.send(advanced);
    expect(staged.state).toEqual({ trying: { fetching: 'moving' } });
    staged.clock.advance(124_999);
    staged.send(advanced); // begins to wait anew
    staged.clock.advance(124_999);
    expect(staged.state).toEqual({ trying: { fetching: 'moving' } });
    staged.clock.advance(1 + 60_000);
    expect(staged.context).toMatchObject({ sources: [uri], reasons: ['it stalled: nobody sends'] });
    expect(staged.did().filter((name) => name === 'announceStall')).toHaveLength(2);
  });

  it('is paused for as long as its user likes, and then looks for room again', () => {
    const staged = fetchWith(found(mesh), room, advanced, paused);
    expect(staged.told().slice(-1)).toEqual(['transfer stopped']);
    staged.clock.advance(86_400_000);
    staged.send(advanced, arrived);
    expect(staged.state).toEqual({ trying: 'paused' });
    staged.send(resumed, room);
    expect(staged.state).toEqual({ trying: { fetching: 'moving' } });
  });

  it('fails if nobody has it', () => {
    expect(fetchWith(refused('no such name')).output).toEqual({ kind: 'failed', reasons: ['no such name'] });
  });

  it.each([
    ['nobody answers', [], 30_000, 'nobody was found'],
    ['the disk does not answer', [found(mesh)], 30_000, 'the disk did not answer'],
    ['it cannot be read in time', [found(mesh), room, arrived], 1_800_000, 'took too long'],
  ])('fails in bounded time where %s', (_, path, limitMs, reason) => {
    const staged = fetchWith(...path);
    staged.clock.advance(limitMs - 1);
    expect(staged.isDone).toBe(false);
    staged.clock.advance(1);
    expect(staged.output).toEqual({ kind: 'failed', reasons: [expect.stringContaining(reason)] });
  });

  it('stops in every state, and nothing of it stays', () => {
    for (const path of [
      [],
      [found(mesh)],
      [found(mesh), room],
      [found(mesh), room, paused],
      [found(mesh), room, arrived],
    ]) {
      const staged = fetchWith(...path, { type: 'sys.shutdown' });
      expect(staged.output).toEqual({ kind: 'stopped' });
      expect(staged.clock.pending).toBe(0);
    }
  });

  it('has no transition that was not taken here', () => expect(untaken(fetchMachine)).toEqual([]));
});
