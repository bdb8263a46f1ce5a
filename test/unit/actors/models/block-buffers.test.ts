/** What src/actors/models/block-buffers.ts takes for granted about a Noise stream's inside, looked at from outside. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterEach, describe, expect, it } from 'vitest';
import { giveBack, lendBuffers } from '../../../../src/actors/models/block-buffers.js';
import { closeMesh, connectStreams, mebibyte } from '../../../support/model-mesh.js';

afterEach(closeMesh);

const require = createRequire(import.meta.url);

/** Sends messages one after the other, each when the one before was `taken`. @returns how many buffers they came in. */
async function send(messages: readonly Buffer[], taken: (message: Buffer) => void = () => {}): Promise<number> {
  const [sender, receiver] = await connectStreams();
  lendBuffers(receiver);
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

describe('buffers for blocks', () => {
  it('were written for this version: read their comment, and the tests below, before another one is taken', () => {
    const { version } = JSON.parse(readFileSync(require.resolve('@hyperswarm/secret-stream/package'), 'utf8')) as {
      version: string;
    };
    expect(version).toBe('6.9.2');
  });

  it('are used again when they are given back, by whichever part of the message', async () => {
    expect(await send(blocks, (message) => giveBack(message.subarray(200, 300)))).toBe(1);
  });

  it('are not used again before that, and not given back twice', async () => {
    expect(await send(blocks)).toBe(blocks.length);
    const first = blocks.slice(0, 1);
    await send(first, (message) => {
      giveBack(message);
      giveBack(message);
    });
    expect(await send(blocks)).toBe(blocks.length);
  });

  it('are left alone where several messages came in one, and where a message is no block', async () => {
    const batches = blocks.map(() => blockOn(0));
    expect(await send(batches, giveBack)).toBe(batches.length);
    const others = [blockOn(1, mebibyte - 1), blockOn(1, 2 * mebibyte), blockOn(1, 5)];
    expect(await send(others, giveBack)).toBe(others.length);
  });
});
