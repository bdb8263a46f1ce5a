import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Outboxes } from '../../../../src/actors/worker/outboxes.js';
import { Transcripts } from '../../../../src/actors/worker/transcripts.js';
import { limits } from '../../../../src/protocol/limits.js';
import type { InferenceResultMessage, InferenceTokenMessage } from '../../../../src/protocol/messages.js';
import { VirtualClock } from '../../../../src/runtime/virtual-clock.js';
import { FakeConnection } from '../fake-connection.js';

function desk(peers = ['p0', 'p1']) {
  const clock = new VirtualClock();
  const outboxes = new Outboxes(clock);
  const connections = peers.map((peer) => {
    const connection = new FakeConnection(peer);
    outboxes.connect(peer, connection);
    return connection;
  });
  const transcripts = new Transcripts(outboxes, clock.monotonicMs);
  let append: (text: string, tokens: number) => void = () => {};
  const begin = (resumeText = '', streams = true): void => {
    outboxes.open('p0', 'a');
    transcripts.begin('k', { id: 'a', peer: 'p0', streams, resumeText });
    ({ append } = transcripts.beginRun('k'));
  };
  /** What the engine does as the request's run gives text. */
  const say = (text: string, tokens: number): void => append(text, tokens);
  /** As the scheduler does where the same request comes on another connection. */
  const move = (peer: string, resumeText: string, key = 'k', streams = true): boolean => {
    const mayMove = transcripts.hasSaid(key, resumeText);
    if (mayMove) transcripts.move(key, { peer, streams, resumeText });
    return mayMove;
  };
  const tokensAt = (place: number): InferenceTokenMessage[] =>
    connections[place]!.written.filter((message) => message.type === 'inference_token');
  return { clock, outboxes, transcripts, begin, say, move, tokensAt, connections };
}

const textOf = (tokens: readonly InferenceTokenMessage[]): string => tokens.map(({ text }) => text).join('');

const result = (text: string): InferenceResultMessage => ({
  v: 2,
  type: 'inference_result',
  id: 'a',
  text,
  model: { name: 'm', sha256: '0'.repeat(64) },
  usage: { promptTokens: 0, completionTokens: 0 },
  timing: { queuedMs: 0, firstTokenMs: null, totalMs: 0 },
  finishReason: 'stop',
});

const stored = (resumeText: string, text: string) => ({ resumeText, message: result(text), promptHash: undefined });

/** Text with characters of every width, in pieces as they come from an engine: whole characters, none empty. */
const pieces = fc.array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }), { maxLength: 20 });

describe('transcripts', () => {
  it('stream tokens whose texts, joined, are the text of the result, with no gap in their indexes', () => {
    fc.assert(
      fc.property(pieces, fc.string(), (texts, resumeText) => {
        const { transcripts, begin, tokensAt, say } = desk();
        begin(resumeText);
        for (const text of texts) say(text, 2);
        const taken = transcripts.take('k');
        expect(taken).toMatchObject({ resumeText, text: texts.join(''), tokens: 2 * texts.length });
        expect(textOf(tokensAt(0))).toBe(taken.text);
        expect(tokensAt(0).map(({ index }) => index)).toEqual(texts.map((_, i) => i));
      }),
    );
  });

  it('moved to another connection go on after what that one holds: nothing twice, nothing missing', () => {
    fc.assert(
      fc.property(pieces, pieces, fc.string(), fc.nat(), (before, after, resumeText, cut) => {
        const { transcripts, begin, tokensAt, say, move } = desk();
        begin(resumeText);
        for (const text of before) say(text, 1);
        const said = before.join('');
        const held = resumeText + said.slice(0, cut % (said.length + 1));
        expect(move('p1', held)).toBe(true);
        for (const text of after) say(text, 1);
        const whole = resumeText + said + after.join('');
        const taken = transcripts.take('k');
        expect(held + taken.text).toBe(whole);
        expect(taken.resumeText).toBe(held);
        expect(textOf(tokensAt(1))).toBe(taken.text);
        expect(tokensAt(1).map(({ index }) => index)).toEqual(tokensAt(1).map((_, i) => i));
        expect(textOf(tokensAt(0))).toBe(said); // and the old connection hears no more
      }),
    );
  });

  it('move back and forth, and the newest connection is the one that hears', () => {
    const { transcripts, begin, tokensAt, say, move } = desk();
    begin();
    say('one ', 1);
    expect(move('p1', 'one ')).toBe(true);
    say('two ', 1);
    expect(move('p0', '')).toBe(true);
    say('three', 1);
    expect(textOf(tokensAt(1))).toBe('two ');
    expect(tokensAt(0).map(({ index, text }) => [index, text])).toEqual([
      [0, 'one '],
      [0, 'one two '],
      [1, 'three'],
    ]);
    expect(transcripts.take('k').text).toBe('one two three');
  });

  it('stream, or do not, as the connection wants it that has the request now', () => {
    const { begin, tokensAt, say, move } = desk();
    begin('', false);
    say('unheard ', 1);
    move('p1', '', 'k', true);
    say('heard', 1);
    expect(textOf(tokensAt(1))).toBe('unheard heard');
    move('p0', '', 'k', false);
    say('!', 1);
    expect(tokensAt(0)).toEqual([]);
  });

  it('do not move for a client that holds what was never said, or less than it held at first', () => {
    const { begin, tokensAt, say, move } = desk();
    begin('so far ');
    say('so good', 1);
    for (const held of ['so bad', 'so far so good and more', 'so fa', '']) expect(move('p1', held)).toBe(false);
    expect(move('p1', '', 'other')).toBe(false);
    say('!', 1);
    expect(textOf(tokensAt(0))).toBe('so good!'); // it is still the first one's
    expect(tokensAt(1)).toEqual([]);
  });

  it('resume a lost run after everything that the client holds', () => {
    const { transcripts, begin, say, move } = desk();
    begin('a');
    say('b', 1);
    expect(transcripts.beginRun('k').resumeText).toBe('ab');
    move('p1', 'a');
    expect(transcripts.beginRun('k').resumeText).toBe('ab');
    expect(transcripts.beginRun('unknown').resumeText).toBe('');
  });

  it('hear the latest run alone: one that was given up may go on for a while without knowing', () => {
    const { transcripts, begin, say, tokensAt } = desk();
    begin();
    say('one ', 1);
    const second = transcripts.beginRun('k');
    expect(second.resumeText).toBe('one ');
    say('two ', 1);
    second.append('two ', 1);
    expect(textOf(tokensAt(0))).toBe('one two ');
    begin(); // the same id, asked anew
    second.append('three ', 1);
    say('un ', 1);
    expect(transcripts.take('k')).toMatchObject({ text: 'un ', tokens: 1 });
  });

  it('of a request that does not stream hold the text and send none', () => {
    const { transcripts, begin, tokensAt, say } = desk();
    begin('', false);
    say('quiet', 1);
    expect(tokensAt(0)).toEqual([]);
    expect(transcripts.take('k').text).toBe('quiet');
  });

  it('note when the first token came, and nothing after the request was taken or all was cleared', () => {
    const { clock, transcripts, begin, tokensAt, say } = desk();
    begin();
    clock.advance(40);
    say('x', 1);
    clock.advance(40);
    say('y', 1);
    expect(transcripts.take('k').firstTokenAtMs).toBe(40);
    say('late', 1);
    expect(transcripts.take('k')).toEqual({ resumeText: '', text: '', tokens: 0, firstTokenAtMs: undefined });
    begin();
    transcripts.clear();
    say('later', 1);
    expect(textOf(tokensAt(0))).toBe('xy');
  });
});

describe('stored results', () => {
  it(`are kept for ${limits.storedResultMs} ms, cut to what the client does not hold yet`, () => {
    const { clock, transcripts } = desk();
    transcripts.store('k', stored('once ', 'upon a time'));
    expect(transcripts.result('k', 'once upon ')?.message.text).toBe('a time');
    expect(transcripts.result('k', 'once ')?.message.text).toBe('upon a time');
    expect(transcripts.result('k', 'twice')).toBeUndefined();
    expect(transcripts.result('other', '')).toBeUndefined();
    clock.advance(limits.storedResultMs - 1);
    expect(transcripts.result('k', 'once ')).toBeDefined();
    clock.advance(1);
    expect(transcripts.result('k', 'once ')).toBeUndefined();
  });

  it('are bounded in number: the oldest goes first', () => {
    const { transcripts } = desk();
    for (let i = 0; i < 1_500; i++) transcripts.store(`k${i}`, stored('', 'x'));
    const kept = Array.from({ length: 1_500 }, (_, i) => transcripts.result(`k${i}`, '') !== undefined);
    expect(kept.indexOf(true)).toBe(500);
    expect(kept.filter(Boolean)).toHaveLength(1_000);
  });

  it('are bounded in size: long ones push older ones out, and the same one stored again counts once', () => {
    const { transcripts } = desk();
    const long = 'x'.repeat(1_048_576);
    transcripts.store('small', stored('', 'x'));
    for (let i = 0; i < 50; i++) transcripts.store('same', stored('', long));
    expect(transcripts.result('small', '')).toBeDefined();
    for (let i = 0; i < 20; i++) transcripts.store(`k${i}`, stored('', long));
    const kept = Array.from({ length: 20 }, (_, i) => transcripts.result(`k${i}`, '') !== undefined);
    expect(kept).toEqual([...Array<boolean>(4).fill(false), ...Array<boolean>(16).fill(true)]);
    expect(transcripts.result('small', '')).toBeUndefined();
  });
});
