import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Turns } from '../../../../src/actors/worker/turns.js';

it('never has more turns out than there are, forgets nobody, and gives each to the lowest rank that waits', () => {
  const deed = fc.oneof(
    fc.record({ take: fc.integer({ min: 0, max: 5 }) }),
    fc.record({ giveBack: fc.nat() }), // of one that asked, whether or not it was given its turn, even twice
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 }), fc.array(deed, { maxLength: 60 }), (atOnce, deeds) => {
      const turns = new Turns(atOnce);
      const asked: { rank: number; state: 'waiting' | 'given' | 'over'; giveBack: () => void }[] = [];
      const inState = (state: string) => asked.filter((one) => one.state === state);
      for (const what of deeds) {
        if ('take' in what) {
          const one = { rank: what.take, state: 'waiting' as 'waiting' | 'given' | 'over', giveBack: () => {} };
          asked.push(one);
          one.giveBack = turns.take(one.rank, () => {
            const lowest = Math.min(...inState('waiting').map(({ rank }) => rank));
            expect(one).toMatchObject({ state: 'waiting', rank: lowest });
            one.state = 'given';
          });
        } else {
          const one = asked[what.giveBack % Math.max(1, asked.length)];
          if (one === undefined) continue;
          one.state = 'over';
          one.giveBack();
        }
        expect(inState('given').length).toBeLessThanOrEqual(atOnce);
        if (inState('given').length < atOnce) expect(inState('waiting')).toEqual([]);
      }
    }),
  );
});
