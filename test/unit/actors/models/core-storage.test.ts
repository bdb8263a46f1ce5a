/** What src/actors/models/core-storage.ts takes for granted about Hypercore's inside, looked at from outside. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import Hypercore from 'hypercore';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { keyOf } from '../../../../src/actors/models/model-key.js';
import { openFetch, openSeed } from '../../../../src/actors/models/model-core.js';
import { unlimited } from '../../../../src/actors/models/throttle.js';
import { closeMesh, connect, mebibyte, MeshNode, writeRandomFile } from '../../../support/model-mesh.js';

afterEach(closeMesh);

const require = createRequire(import.meta.url);
const versionOf = (name: string): string =>
  (JSON.parse(readFileSync(require.resolve(`${name}/package.json`), 'utf8')) as { version: string }).version;

/** Bytes that a folder takes on the disk. */
const diskBytes = (folder: string): number =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).blocks * 512, 0);

describe('core-storage', () => {
  it('was written for these versions: read its comment, and the tests below, before another one is taken', () => {
    expect([versionOf('hypercore'), versionOf('hypercore-storage')]).toEqual(['11.37.1', '3.3.1']);
  });

  it('plants a core that is whole, and reads its blocks from the file', async () => {
    const path = writeRandomFile(5 * mebibyte + 77);
    const node = new MeshNode();
    const { core, content } = await node.seed(path);
    expect(core.length).toBe(6);
    expect(core.byteLength).toBe(content.bytes);
    const blocks = await Promise.all([0, 1, 2, 3, 4, 5].map((index) => core.get(index)));
    expect(Buffer.concat(blocks).equals(readFileSync(path))).toBe(true);
    expect(content.sha256).toBe(createHash('sha256').update(readFileSync(path)).digest('hex'));
  });

  it('gives every node that has the same bytes the same key, and no other bytes that key', async () => {
    const path = writeRandomFile(2 * mebibyte + 1);
    const copy = writeRandomFile(1, 'another-name.gguf');
    writeFileSync(copy, readFileSync(path));
    const first = await new MeshNode().seed(path);
    const second = await new MeshNode().seed(copy);
    expect(second.key).toBe(first.key);
    const bytes = readFileSync(path);
    bytes[mebibyte + 5]! ^= 1;
    writeFileSync(copy, bytes);
    expect((await new MeshNode().seed(copy)).key).not.toBe(first.key);
    const { tree } = first.content;
    expect(Buffer.from(keyOf({ tree, bytes: 3 * mebibyte + 1 })).toString('hex')).not.toBe(first.key);
  });

  it('keeps no block in the database: neither where a model is offered, nor where it is fetched', async () => {
    const path = writeRandomFile(24 * mebibyte);
    const [seeder, fetcher] = [new MeshNode(), new MeshNode()];
    const seed = await seeder.seed(path);
    await connect(seeder, fetcher);
    const fetch = await fetcher.fetch(seed.content);
    expect(await fetch.end).toBe('done');
    expect(readFileSync(fetcher.part).equals(readFileSync(path))).toBe(true);
    // 5 MiB: what the database lays out for its log as long as it is open
    expect(diskBytes(seeder.cores)).toBeLessThan(8 * mebibyte);
    expect(diskBytes(fetcher.cores)).toBeLessThan(8 * mebibyte);
    await fetch.stop();
    expect(diskBytes(fetcher.cores)).toBeLessThan(mebibyte);
  });

  it('takes no new memory for each block: neither to read it, nor to send it, nor to write it', async () => {
    const [seeder, fetcher] = [new MeshNode(), new MeshNode()];
    const seed = await seeder.seed(writeRandomFile(24 * mebibyte));
    await connect(seeder, fetcher);
    const taken = vi.spyOn(Buffer, 'allocUnsafeSlow');
    const fetch = await fetcher.fetch(seed.content);
    expect(await fetch.end).toBe('done');
    expect(taken.mock.calls.filter(([bytes]) => bytes > mebibyte).length).toBeLessThan(20); // of 3 × 24
    taken.mockRestore();
  });

  it('finds what it had, when it is opened again', async () => {
    const path = writeRandomFile(3 * mebibyte);
    const node = new MeshNode();
    const first = await node.seed(path);
    await first.close();
    const unread = (): never => {
      throw new Error('the file is read again');
    };
    const again = await openSeed(node.cores, path, first.content, unread, unlimited);
    expect(again.key).toBe(first.key);
    expect(again.core.length).toBe(3);
    expect(await again.core.has(2)).toBe(true);
    await again.close();
  });

  it('is open in one process at a time', async () => {
    const node = new MeshNode();
    const content = { sha256: '00'.repeat(32), bytes: mebibyte, tree: '11'.repeat(32) };
    const first = await openFetch(node.cores, node.part, content, unlimited);
    await expect(openFetch(node.cores, node.part, content, unlimited)).rejects.toThrow('it is open in this home already');
    await first.close();
    await (await openFetch(node.cores, node.part, content, unlimited)).close();
  });

  it('offers nothing of a file that another program has changed', async () => {
    const path = writeRandomFile(2 * mebibyte);
    const { core } = await new MeshNode().seed(path);
    await core.get(0);
    writeFileSync(path, Buffer.alloc(2 * mebibyte));
    await expect(core.get(1)).rejects.toThrow('was changed while it was offered');
  });

  it('proves blocks with the tree that Hypercore itself would have built', async () => {
    const path = writeRandomFile(7 * mebibyte + 3);
    const { core, content } = await new MeshNode().seed(path);
    const treeHash = await (core as unknown as { treeHash(): Promise<Uint8Array> }).treeHash();
    expect(Buffer.from(treeHash).toString('hex')).toBe(content.tree);
    expect(Buffer.from(core.key)).toEqual(Buffer.from(keyOf(content)));
    expect(Hypercore.discoveryKey(core.key)).toHaveLength(32);
  });
});
