/** The slot that a request gets: one that holds as much of its prompt as any, and only what it may reuse. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reusable, type Conversation, type Held } from '../../src/rules/prefix.js';
import { emptyQueue, put, type Waiting } from '../../src/rules/queue.js';
import { nextStart, type SlotView } from '../../src/rules/slots.js';

/** Few letters, so that prompts begin alike. */
const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 6 });
const conversation: fc.Arbitrary<Conversation> = fc.oneof(
  text.map((prompt) => ({ prompt })),
  fc
    .array(fc.record({ role: fc.constantFrom('user', 'assistant'), content: text }), { maxLength: 4 })
    .map((messages) => ({ messages })),
);
const account = fc.constantFrom('a', 'b');
const held: fc.Arbitrary<Held | undefined> = fc.option(
  fc.record({ account, conversation, sinceMs: fc.integer({ min: 0, max: 5 }) }),
  { nil: undefined },
);

/** What `asked` and what was read before have in common, part by part and letter by letter; 0 if less than half of that. */
function commonOf(before: Conversation, asked: Conversation): number {
  const lettersOf = ({ prompt, messages = [] }: Conversation): string[] =>
    (prompt === undefined ? messages.flatMap(({ role, content }) => [role, content]) : [prompt]).flatMap((part) => [
      ...Array.from(part),
      'end of part',
    ]);
  const [one, other] = [lettersOf(before), lettersOf(asked)];
  let i = 0;
  while (i < one.length && one[i] === other[i]) i++;
  const lengthOf = (letters: readonly string[]): number => letters.filter((letter) => letter !== 'end of part').length;
  const common = lengthOf(one.slice(0, i));
  return 2 * common < lengthOf(one) ? 0 : common;
}

const start = (slots: ReadonlyMap<string, SlotView>, asked: Conversation, sharesPrefix: boolean) => {
  const item = {
    key: 'a/1',
    model: 'm',
    tier: 'gold',
    isOwner: false,
    arrival: 1,
    arrivedAtMs: 0,
    expiresAtMs: undefined,
    account: 'a',
    prompt: asked,
  } as const;
  return nextStart(put(emptyQueue<typeof item & Waiting>(4), item, 0), slots, 100, sharesPrefix);
};
const slotsOf = (views: readonly (Held | undefined)[]): Map<string, SlotView> =>
  new Map(views.map((each, i) => [`slot.${i}`, { model: 'm', isReserve: false, key: undefined, held: each }]));

describe('the prefix that a slot holds', () => {
  it('counts for the account that asked it, and for others only where that is allowed', () => {
    fc.assert(
      fc.property(held, conversation, fc.boolean(), (before, asked, shares) => {
        const mayReuse = before !== undefined && (shares || before.account === 'a');
        expect(reusable(before, 'a', asked, shares)).toBe(mayReuse ? commonOf(before.conversation, asked) : 0);
      }),
    );
  });

  it('decides the slot: no idle one holds more of the prompt, and of those that hold none an unused one goes first, then the oldest', () => {
    fc.assert(
      fc.property(
        fc.array(held, { minLength: 1, maxLength: 5 }),
        conversation,
        fc.boolean(),
        (views, asked, shares) => {
          const slots = slotsOf(views);
          const chosen = slots.get(start(slots, asked, shares)?.slot ?? '')?.held;
          const worth = (each: Held | undefined): number => reusable(each, 'a', asked, shares);
          const since = (each: Held | undefined): number => each?.sinceMs ?? -1;
          expect(worth(chosen)).toBe(Math.max(...views.map(worth)));
          const asGood = views.filter((each) => worth(each) === worth(chosen));
          expect(since(chosen)).toBe(Math.min(...asGood.map(since)));
        },
      ),
    );
  });

  it('keeps two conversations of one account in two slots', () => {
    const say = (...contents: string[]): Conversation => ({
      messages: contents.map((content) => ({ role: 'user', content })),
    });
    const first = { account: 'a', conversation: say('tell me of cats'), sinceMs: 1 };
    const second = { account: 'a', conversation: say('and of dogs'), sinceMs: 2 };
    const slots = slotsOf([first, second]);
    expect(start(slots, say('and of dogs', 'woof', 'more'), false)?.slot).toBe('slot.1');
    expect(start(slots, say('tell me of cats', 'meow', 'more'), false)?.slot).toBe('slot.0');
  });

  it('does not count where more would be lost', () => {
    const system = { role: 'system', content: 'be kind' };
    const say = (content: string): Conversation => ({ messages: [system, { role: 'user', content }] });
    const old = { account: 'a', conversation: say('a long story of cats, told twice'), sinceMs: 1 };
    expect(start(slotsOf([old, undefined]), say('dogs'), false)?.slot).toBe('slot.1');
  });
});
