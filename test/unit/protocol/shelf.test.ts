/** What a node tells of its shelf, held against test/vectors/shelf.json, which was made without this code. */
import { expect, it } from 'vitest';
import { keyPairFromSeed } from '../../../src/protocol/keys.js';
import { createShelf, decodeModelsMessage, isGenuineShelf } from '../../../src/protocol/models-messages.js';
import { signedBytes } from '../../../src/protocol/signing.js';
import shelf from '../../vectors/shelf.json' with { type: 'json' };

const identity = keyPairFromSeed(Buffer.from(shelf.seed, 'hex'));
const [valid] = shelf.valid;

/** As a node decides that hears it. */
function verdictOf(message: object): string {
  const told = decodeModelsMessage(Buffer.from(JSON.stringify(message)));
  if (told === 'broken' || told === 'unknown' || told.type !== 'shelf') return 'bad_fields';
  return isGenuineShelf(told, shelf) ? 'valid' : 'bad_signature';
}

it('is signed as another implementation signs it', () => {
  const { network, key } = shelf;
  const { node, drive } = valid!;
  expect(Buffer.from(signedBytes('shelf', { network, node, key, drive })).toString('utf8')).toBe(shelf.signedText);
  expect(createShelf({ network, key }, drive, identity)).toEqual(valid);
});

it.each(shelf.valid)('is believed', (message) => {
  expect(verdictOf(message)).toBe('valid');
});

it.each(shelf.invalid)('is refused where $why', ({ message, verdict }) => {
  expect(verdictOf(message)).toBe(verdict);
});
