import { afterEach, describe, expect, it } from 'vitest';
import { createShelves, type Shelves } from '../../../src/actors/models/shelves.js';
import { decodeShelf, encodeShelf, maxCards, type ModelCard } from '../../../src/protocol/model-card.js';
import { closeMesh, connectStreams } from '../../support/model-mesh.js';
import { until } from '../../support/real-network.js';

afterEach(closeMesh);

const card = (name: string): ModelCard => ({ name, sha256: 'ab'.repeat(32), bytes: 5, tree: 'cd'.repeat(32) });
const namesOf = (shelves: Shelves): string[] => shelves.offers.map((offer) => offer.card.name);

describe('shelves', () => {
  it('are told at the opening of a connection and whenever they change, and forgotten at its end', async () => {
    let changes = 0;
    const [a, b] = [createShelves(() => {}), createShelves(() => changes++)];
    a.offer([card('first')]);
    const [left, right] = await connectStreams();
    a.attach(left);
    b.attach(right);
    await until(() => namesOf(b).join() === 'first', 'the first card');
    expect(b.offers[0]?.peerKey).toBe(Buffer.from(right.remotePublicKey).toString('hex'));
    a.offer([card('first'), card('second')]);
    await until(() => namesOf(b).length === 2, 'the second card');
    expect(namesOf(a)).toEqual([]);
    left.destroy();
    await until(() => namesOf(b).length === 0, 'no card');
    expect(changes).toBeGreaterThanOrEqual(3);
  });

  it('end a connection on which no shelf is told', async () => {
    const [a, b] = [createShelves(() => {}), createShelves(() => {})];
    a.offer([{ ...card('x'), name: 'Not A Name' }]);
    const [left, right] = await connectStreams();
    let isClosed = false;
    right.on('close', () => (isClosed = true));
    a.attach(left);
    b.attach(right);
    await until(() => isClosed, 'the connection ends');
    expect(namesOf(b)).toEqual([]);
  });

  it.each([
    ['no JSON', Buffer.from('{')],
    ['another message', Buffer.from('{"type":"wanted"}')],
    ['a name that is a path', encodeShelf([card('../x')])],
    ['more bytes than a model has', encodeShelf([{ ...card('x'), bytes: 2 ** 41 }])],
    ['a message that is too long', Buffer.alloc(200_000, ' ')],
  ])('are not: %s', (_, bytes) => expect(decodeShelf(bytes)).toBeUndefined());

  it('hold as many cards as a message may have', () => {
    const cards = Array.from({ length: maxCards + 9 }, (_, i) => card(`${'n'.repeat(60)}${i}`));
    expect(decodeShelf(encodeShelf(cards))).toEqual(cards.slice(0, maxCards));
  });
});
