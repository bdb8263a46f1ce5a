/** What src/actors/models/block-stream.ts takes for granted about the inside of Noise and UDX streams, looked at from outside. */
import { randomBytes } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { NoiseStream } from 'hyperswarm';
import { afterEach, describe, expect, it } from 'vitest';
import { giveBack } from '../../../../src/actors/models/block-buffers.js';
import { carryBlocks, giveBackMessage } from '../../../../src/actors/models/block-stream.js';
import { closeMesh, connectStreams, mebibyte } from '../../../support/model-mesh.js';

afterEach(closeMesh);

const require = createRequire(import.meta.url);
const versionOf = (manifest: string): string =>
  (JSON.parse(readFileSync(require.resolve(manifest), 'utf8')) as { version: string }).version;

async function blockStreams(): Promise<[sender: NoiseStream, receiver: NoiseStream]> {
  const streams = await connectStreams();
  for (const stream of streams) carryBlocks(stream);
  return streams;
}

/** Sends messages one after the other, each when the one before was `taken`. @returns how many buffers they came in. */
async function send(messages: readonly Buffer[], taken: (message: Buffer) => void = () => {}): Promise<number> {
  const [sender, receiver] = await blockStreams();
  const buffers = new Set<ArrayBufferLike>();
  for (const message of messages) {
    const arrived = new Promise<Buffer>((resolve) => receiver.once('data', resolve));
    sender.write(message);
    const copy = await arrived;
    expect(copy.equals(message)).toBe(true);
    buffers.add(copy.buffer);
    taken(copy);
  }
  return buffers.size;
}

/** On a Protomux channel, where 0 is Protomux itself. */
const blockOn = (channel: number, bytes = mebibyte + 300): Buffer => Buffer.concat([Buffer.from([channel]), randomBytes(bytes - 1)]);
const blocks = [1, 2, 3, 4, 5].map((channel) => blockOn(channel));

describe('a stream of blocks', () => {
  it('was written for these versions: read its comment, and the tests below, before another one is taken', () => {
    expect(versionOf('@hyperswarm/secret-stream/package')).toBe('6.9.2');
    expect(versionOf('udx-native/package.json')).toBe('1.21.3');
  });

  it('uses a buffer again when it is given back, by whichever part of the message', async () => {
    expect(await send(blocks, (message) => giveBackMessage(message.subarray(200, 300)))).toBe(1);
  });

  it('does not use it again before that, and takes it back once', async () => {
    expect(await send(blocks)).toBe(blocks.length);
    const first = blocks.slice(0, 1);
    await send(first, (message) => {
      giveBack(message);
      giveBack(message);
    });
    expect(await send(blocks)).toBe(blocks.length);
  });

  it('leaves alone what came as several messages in one, and what is no block', async () => {
    const batches = blocks.map(() => blockOn(0));
    expect(await send(batches, giveBackMessage)).toBe(batches.length);
    const others = [blockOn(1, mebibyte - 1), blockOn(1, 2 * mebibyte), blockOn(1, 5)];
    expect(await send(others, giveBackMessage)).toBe(others.length);
  });

  it('hears of a block a few times, not of every packet', async () => {
    const [sender, receiver] = await blockStreams();
    let heard = 0;
    (receiver.rawStream as unknown as EventEmitter).on('data', () => heard++);
    const arrived = new Promise((resolve) => receiver.once('data', resolve));
    sender.write(blocks[0] ?? Buffer.alloc(0));
    await arrived;
    expect(heard).toBeLessThan(100); // of some 750 packets
  });

  it('brings messages of every length in their order, unchanged, and none of them waits for the next', async () => {
    const [sender, receiver] = await blockStreams();
    const around = [-2, -1, 0, 1, 2, 100, 8_000, 9_000].map((more) => mebibyte + more);
    const lengths = [...around, 1, 7, 1_200, 1_500, 65_536, 70_000, 2 * mebibyte, ...around.toReversed(), 3].flatMap(
      (bytes) => [bytes, 1 + (bytes % 3_000)],
    );
    const messages = lengths.map((bytes, i) => blockOn(1 + (i % 5), bytes));
    let matching = 0;
    const all = new Promise<void>((resolve) =>
      receiver.on('data', (message: Buffer) => {
        if (messages[matching]?.equals(message) === true) matching++;
        giveBackMessage(message);
        if (matching === messages.length) resolve();
      }),
    );
    for (const message of messages) sender.write(message);
    await all;
    expect(matching).toBe(messages.length);
  });

  it('sends from buffers that it uses again when the peer has what was in them', async () => {
    const [sender, receiver] = await blockStreams();
    const { alloc } = sender as unknown as { alloc: (bytes: number) => Buffer };
    const used = new Set<ArrayBufferLike>();
    const write = (block: Buffer): void => {
      const outgoing = alloc(block.length);
      used.add(outgoing.buffer);
      block.copy(outgoing);
      sender.write(outgoing);
    };
    const burst = [...blocks, ...blocks, ...blocks];
    for (let round = 0; round < 3; round++) {
      let matching = 0;
      const all = new Promise<void>((resolve) => {
        receiver.removeAllListeners('data');
        receiver.on('data', (message: Buffer) => {
          if (burst[matching]?.equals(message) === true) matching++;
          if (matching === burst.length) resolve();
        });
      });
      for (const block of burst) write(block);
      await all;
    }
    expect(used.size).toBeGreaterThanOrEqual(burst.length); // none while it was on its way
    expect(used.size).toBeLessThan(3 * burst.length);
  });
});
