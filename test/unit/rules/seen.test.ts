/** Which of the nodes on the score network count as seen. */
import { describe, expect, it } from 'vitest';
import { seenAfterMs } from '../../../src/rules/quorum.js';
import { answerMs, SeenNodes, type Answers } from '../../../src/rules/seen.js';

const here = (...nodes: [string, Answers][]): ReadonlyMap<string, Answers> => new Map(nodes);

describe('a node on the score network', () => {
  it('is seen after a minute, and not while it is away', () => {
    const nodes = new SeenNodes();
    nodes.look(here(['a', 'unasked']), 0);
    expect(nodes.seen(seenAfterMs - 1)).toEqual([]);
    expect(nodes.seen(seenAfterMs)).toEqual(['a']);
    nodes.look(here(), seenAfterMs);
    expect(nodes.seen(seenAfterMs)).toEqual([]);
    nodes.look(here(['a', 'unasked']), seenAfterMs + 1);
    expect(nodes.seen(seenAfterMs + 1)).toEqual(['a']);
  });

  it('does not count while it leaves a claim unanswered and has attested nothing, also on a new connection', () => {
    const nodes = new SeenNodes();
    const sentMs = seenAfterMs + 5;
    nodes.look(here(['a', 'unasked'], ['b', 'unasked']), 0);
    nodes.look(here(['a', 'asked'], ['b', 'attests']), sentMs);
    expect(nodes.seen(sentMs + answerMs - 1)).toEqual(['a', 'b']);
    nodes.look(here(['a', 'asked'], ['b', 'attests']), sentMs + answerMs);
    expect(nodes.seen(sentMs + answerMs)).toEqual(['b']);
    nodes.look(here(['a', 'unasked']), sentMs + answerMs + 1); // it dialled anew
    expect(nodes.seen(sentMs + answerMs + 1)).toEqual([]);
    nodes.look(here(['a', 'attests']), sentMs + answerMs + 2);
    expect(nodes.seen(sentMs + answerMs + 2)).toEqual(['a']);
  });
});
