/** Shelves on real streams: what one node puts on its own, and what another one reads of it, also where it was made to harm. */
import Hyperbee from 'hyperbee';
import Corestore from 'corestore';
import Hyperdrive from 'hyperdrive';
import Hypercore, { type Encoding } from 'hypercore';
import type { NoiseStream } from 'hyperswarm';
import { afterEach, describe, expect, it } from 'vitest';
import { keyOf } from '../../../../src/actors/models/model-key.js';
import { Shelves } from '../../../../src/actors/models/shelves.js';
import { keyPairFromSeed } from '../../../../src/protocol/keys.js';
import { cardPath, decodeCard, encodeCard, maxCardBytes, type ModelCard } from '../../../../src/protocol/model-card.js';
import {
  createShelf,
  createWanted,
  decodeModelsMessage,
  encodeModelsMessage,
  isGenuineShelf,
  maxWanted,
  modelsChannel,
} from '../../../../src/protocol/models-messages.js';
import { closeMesh, connectStreams, newFolder } from '../../../support/model-mesh.js';
import { until } from '../../../support/real-network.js';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await closeMesh();
  for (const each of open.splice(0)) await each.close();
});

const network = 'qmesh-models-v2';
const identity = keyPairFromSeed(new Uint8Array(32).fill(7));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const ownKey = (stream: NoiseStream): string => hex((stream as unknown as { publicKey: Uint8Array }).publicKey);

function card(name: string, digit = 'a'): ModelCard {
  const content = { sha256: digit.repeat(64), bytes: 5, tree: 'cd'.repeat(32) };
  return { name, ...content, key: hex(keyOf(content)) };
}

function shelvesOn(stream: NoiseStream, changed: () => void = () => {}): Shelves {
  const failed = (error: Error): never => {
    throw error;
  };
  const shelves = new Shelves({ identity, network, key: ownKey(stream), changed, failed });
  open.push(shelves);
  return shelves;
}
const namesOf = (shelves: Shelves): string[] => shelves.offers.map((offer) => offer.card.name);

describe('shelves', () => {
  it('are read by whoever is connected, again when they change, and forgotten when the connection ends', async () => {
    const [left, right] = await connectStreams();
    let changes = 0;
    const [a, b] = [shelvesOn(left), shelvesOn(right, () => changes++)];
    a.offer([card('first')]);
    a.attach(left);
    b.attach(right);
    await until(() => namesOf(b).join() === 'first', 'the first card');
    expect(b.offers[0]).toMatchObject({ peerKey: ownKey(left), node: identity.publicKeyHex });
    a.offer([card('first'), card('second', 'b')]);
    await until(() => namesOf(b).length === 2, 'the second card');
    a.offer([card('second', 'b')]);
    await until(() => namesOf(b).join() === 'second', 'the first one is gone');
    a.want(['rare-model']);
    await until(() => b.wants.length > 0, 'what it looks for');
    expect(b.wants).toEqual([{ peerKey: ownKey(left), models: ['rare-model'] }]);
    expect(a.offers).toEqual([]);
    left.destroy();
    await until(() => namesOf(b).length === 0 && b.wants.length === 0, 'nothing');
    expect(changes).toBeGreaterThanOrEqual(4);
  });

  it('are those of whoever signed them for this very connection; another one ends it', async () => {
    const [left, right] = await connectStreams();
    const liar = keyPairFromSeed(new Uint8Array(32).fill(9));
    const a = new Shelves({ identity: liar, network, key: '12'.repeat(32), changed: () => {}, failed: () => {} });
    const b = shelvesOn(right);
    open.push(a);
    let isClosed = false;
    right.on('close', () => (isClosed = true));
    a.offer([card('x')]);
    a.attach(left);
    b.attach(right);
    await until(() => isClosed, 'the connection ends');
    expect(namesOf(b)).toEqual([]);
  });

  it('hold what is a card, whatever else their owner put there', async () => {
    const [left, right] = await connectStreams();
    const b = shelvesOn(right);
    // A drive of a stranger's own making, in place of the one that this program would make.
    const store = new Corestore(newFolder(), { allowBackup: false });
    const drive = new Hyperdrive(store.session());
    open.push({ close: () => drive.close().then(() => store.close()) });
    await drive.ready();
    store.replicate(left);
    await drive.put(cardPath(card('good')), encodeCard(card('good')));
    await drive.put(cardPath(card('other-place', 'b')), encodeCard(card('other-place', 'c')));
    await drive.put(cardPath(card('large', 'd')), Buffer.alloc(maxCardBytes + 1, ' '));
    await drive.put(cardPath(card('json', 'e')), Buffer.from('{'));
    await drive.put(cardPath(card('key', 'f')), encodeCard({ ...card('key', 'f'), key: '00'.repeat(32) }));
    await drive.put('/elsewhere/x.json', encodeCard(card('elsewhere')));
    // an entry that would have a reader fetch a thousand million blocks
    const db = drive.db as unknown as { put(key: string, value: unknown): Promise<void> };
    await db.put(`files\0${cardPath(card('wide', '9'))}`, {
      blob: { blockOffset: 0, blockLength: 1e9, byteOffset: 0, byteLength: 9 },
    });
    const say = speakOn(left);
    b.attach(right);
    say(createShelf({ network, key: ownKey(left) }, hex(drive.key), identity));
    await until(() => namesOf(b).join() === 'good', 'the one card');
  });

  it.each([
    ['no drive at all', (core: RawCore) => core.append(Buffer.from('not a drive'))],
    [
      'an index of what is no JSON',
      async (core: RawCore) => {
        const bee = new Hyperbee(core as never, { keyEncoding: 'utf-8', valueEncoding: 'utf-8' as 'json' });
        const batch = bee.batch();
        await batch.put(`files\0${cardPath(card('x'))}`, 'not json');
        await batch.flush();
      },
    ],
    [
      'blocks that lead nowhere',
      async (core: RawCore) => {
        const bee = new Hyperbee(core as never, { keyEncoding: 'utf-8', valueEncoding: 'json' });
        const batch = bee.batch();
        await batch.put('x', {});
        await batch.flush();
        for (let i = 0; i < 20; i++) await core.append(Buffer.alloc(40, 0xff - i));
      },
    ],
  ])('that are %s are empty, and harm nobody', async (_, make) => {
    const [left, right] = await connectStreams();
    const b = shelvesOn(right);
    const store = new Corestore(newFolder(), { allowBackup: false });
    open.push(store);
    const core = store.get({ name: 'raw' }) as unknown as RawCore;
    await core.ready();
    await make(core);
    store.replicate(left);
    const say = speakOn(left);
    b.attach(right);
    say(createShelf({ network, key: ownKey(left) }, hex(core.key), identity));
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(namesOf(b)).toEqual([]);
    say(createWanted(['still-here']));
    await until(() => b.wants.length === 1, 'the connection lives');
  });
});

interface RawCore {
  readonly key: Uint8Array;
  ready(): Promise<void>;
  append(block: Uint8Array): Promise<unknown>;
}

/** A stranger's end of the channel: says what it is told to. */
function speakOn(stream: NoiseStream): (message: Parameters<typeof encodeModelsMessage>[0]) => void {
  Hypercore.createProtocolStream(stream);
  const channel = Hypercore.getProtocolMuxer(stream).createChannel({
    protocol: modelsChannel,
    messages: [{ encoding: rawBytes, onmessage: () => {} }],
    onopen: () => {},
  });
  channel!.open();
  return (message) => void channel!.messages[0].send(encodeModelsMessage(message));
}

const rawBytes: Encoding = {
  preencode: (state, bytes) => void (state.end += bytes.byteLength),
  encode: (state, bytes) => {
    state.buffer.set(bytes, state.start);
    state.start += bytes.byteLength;
  },
  decode: (state) => state.buffer.slice(state.start, (state.start = state.end)),
};

describe('what is said on the models network', () => {
  const subject = { network, key: '34'.repeat(32) };
  const shelf = createShelf(subject, '56'.repeat(32), identity);

  it('is a shelf that serves one node, on one connection, in one network, for one drive', () => {
    expect(decodeModelsMessage(encodeModelsMessage(shelf))).toEqual(shelf);
    expect(isGenuineShelf(shelf, subject)).toBe(true);
    expect(isGenuineShelf(shelf, { ...subject, key: '35'.repeat(32) })).toBe(false);
    expect(isGenuineShelf(shelf, { ...subject, network: `acme/${network}` })).toBe(false);
    expect(isGenuineShelf({ ...shelf, drive: '57'.repeat(32) }, subject)).toBe(false);
    expect(isGenuineShelf({ ...shelf, node: '57'.repeat(32) }, subject)).toBe(false);
  });

  it.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['a shelf without a drive', JSON.stringify({ ...shelf, drive: undefined })],
    ['a shelf of another version', JSON.stringify({ ...shelf, v: 3 })],
    ['wants that are no list', '{"v":2,"type":"wanted","models":"x"}'],
    ['a message that is too long', ' '.repeat(70_000)],
  ])('is broken where it is %s', (_, text) => expect(decodeModelsMessage(Buffer.from(text))).toBe('broken'));

  it('may look for more than is listened to, and never says what is no name', () => {
    const many = { ...createWanted([]), models: Array.from({ length: maxWanted + 1 }, (_, i) => `x${i}`) };
    expect(decodeModelsMessage(Buffer.from(JSON.stringify(many)))).toEqual(createWanted(many.models));
    expect(createWanted(['', 'x'.repeat(10_000), 'good']).models).toEqual(['good']);
  });

  it('may be of a later version: what is not known is ignored', () => {
    expect(decodeModelsMessage(Buffer.from('{"v":3,"type":"news"}'))).toBe('unknown');
    const more = { ...createWanted(['x']), later: 1 };
    expect(decodeModelsMessage(Buffer.from(JSON.stringify(more)))).toEqual(createWanted(['x']));
  });

  it.each([
    ['a name that is a path', { name: '../x' }],
    ['more bytes than a model has', { bytes: 2 ** 41 }],
    ['no tree', { tree: undefined }],
    ['a context of nothing', { contextSize: 0 }],
  ])('is no card with %s', (_, wrong) =>
    expect(decodeCard(Buffer.from(JSON.stringify({ ...card('x'), ...wrong })))).toBeUndefined(),
  );
});
