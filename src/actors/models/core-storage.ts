/**
 * The one place that knows Hypercore from inside (hypercore 11.37.1, hypercore-storage 3.3.1). Hypercore keeps blocks in its database;
 * llama.cpp needs a plain file. To have a model once on a disk, the database here keeps only the tree, and the blocks stay in the file:
 *
 *  1. the storage of a core is made by two methods, `createCore` and `resumeCore`; both are replaced on this one instance;
 *  2. what they return reads blocks through `read().getBlock` and writes them through `write().putBlock … flush`: those go to the file.
 *     A block that is not there must be read as null; which are there, the database's bitfield says;
 *  3. a flush writes the blocks first and the database after them, so what the database says is there, is there;
 *  4. a peer with fewer than 16 open requests is always asked for what others are just sending. With blocks of 1 MiB far fewer are open
 *     than that, and two thirds of a file came twice: `replicator.hotswaps.pick` gives nothing, until the end of a fetch drags on.
 *  5. which block is asked of which peer, Hypercore decides by chance, by a peer's `_requestRangeBlock`: that one asks back first. What a
 *     peer has stands in `_remoteContiguousLength` and `remoteBitfield`, what of it is not here in `missingBlocks`.
 *
 * A core of a file that is here already is planted: its tree is written as if it had been fetched, and not a block is copied.
 * test/unit/actors/models/core-storage.test.ts fails where a new version of either package does any of this in another way.
 */
import Hypercore, { type CoreStorage, type CoreWriter, type OneCoreStorage, type Peer } from 'hypercore';
import type { ModelContent } from '../../protocol/model-content.js';
import { giveBack } from './block-buffers.js';
import { giveBackMessage } from './block-stream.js';
import { blockCount, nodesOf, type BlockTree } from './block-tree.js';
import type { BlockFile } from './block-file.js';
import { keyOf, manifestOf } from './model-key.js';

/** The tree of a 4 GB model has 400 KB. The default, 64 MiB, is laid out on the disk as long as the core is open. */
const writeBufferBytes = 1 << 20;
/** Tree nodes in one batch: more would hold the event loop. */
const plantedAtOnce = 512;
/** Bits in a page of the bitfield. */
const pageBits = 32_768;

/** The file, and which of its blocks are in it: those that the database says, from its opening on. */
interface Blocks {
  readonly file: BlockFile;
  readonly kept: Set<number>;
}

/** @throws where another process has this folder open. */
export function openCoreStorage(folder: string, file: BlockFile): CoreStorage {
  // A home that was copied or restored is as good as the first: cores are checked against their keys.
  const storage = Hypercore.defaultStorage(folder, { writeBufferSize: writeBufferBytes, allowBackup: true });
  assertHas(storage, 'storage', 'createCore', 'resumeCore');
  const createCore = storage.createCore.bind(storage);
  const resumeCore = storage.resumeCore.bind(storage);
  storage.createCore = async (core) => withBlocksIn({ file, kept: new Set() }, await createCore(core));
  storage.resumeCore = async (discoveryKey) => {
    const core = await resumeCore(discoveryKey);
    return core === null ? null : withBlocksIn({ file, kept: await blocksKept(core, blockCount(file.bytes)) }, core);
  };
  return storage;
}

/** By the database's bitfield. */
async function blocksKept(core: OneCoreStorage, count: number): Promise<Set<number>> {
  const kept = new Set<number>();
  const reader = core.read();
  assertHas(reader, 'reader', 'getBitfieldPage', 'tryFlush');
  const pages = Array.from({ length: Math.ceil(count / pageBits) }, (_, page) => reader.getBitfieldPage(page));
  reader.tryFlush();
  for (const [page, bits] of (await Promise.all(pages)).entries())
    for (let bit = 0; bits !== null && bit < bits.length * 8; bit++)
      if (((bits[bit >> 3] ?? 0) >> (bit & 7)) & 1) kept.add(page * pageBits + bit);
  return kept;
}

/** Makes the core of a whole file, unless it is there with all of its blocks: planted before, or fetched. */
export async function plantCore(
  storage: CoreStorage,
  content: ModelContent,
  readTree: () => Promise<BlockTree>,
): Promise<void> {
  const key = keyOf(content);
  const core =
    (await storage.resumeCore(Hypercore.discoveryKey(key))) ??
    (await storage.createCore({
      key,
      discoveryKey: Hypercore.discoveryKey(key),
      manifest: manifestOf(content),
      keyPair: null,
      frozen: false,
      userData: [],
      alias: null,
    }));
  try {
    if (await isWhole(core, blockCount(content.bytes))) return;
    const tree = await readTree();
    if (Buffer.from(tree.root).toString('hex') !== content.tree) throw new Error('the file was changed since it was looked at');
    await writeTree(core, tree);
  } finally {
    await core.close();
  }
}

async function isWhole(core: OneCoreStorage, count: number): Promise<boolean> {
  const reader = core.read();
  const head = reader.getHead();
  reader.tryFlush();
  return (await head) !== null && (await blocksKept(core, count)).size === count;
}

/** The head comes last: without it the core is empty, and is planted again. */
async function writeTree(core: OneCoreStorage, tree: BlockTree): Promise<void> {
  let writer = core.write();
  let count = 0;
  for (const node of nodesOf(tree)) {
    writer.putTreeNode(node);
    if (++count % plantedAtOnce > 0) continue;
    await writer.flush();
    writer = core.write();
  }
  for (let page = 0; page * pageBits < tree.blocks; page++)
    writer.putBitfieldPage(page, firstBits(tree.blocks - page * pageBits));
  writer.setHead({ fork: 0, length: tree.blocks, rootHash: tree.root, signature: null, timestamp: 0 });
  await writer.flush();
}

/** A page with its first `count` bits set; a bit's byte is its index / 8, the lowest first. */
function firstBits(count: number): Uint8Array {
  const page = new Uint8Array(pageBits / 8);
  const wholeBytes = Math.min(page.length, count >> 3);
  page.fill(0xff, 0, wholeBytes);
  if (wholeBytes < page.length) page[wholeBytes] = (1 << (count & 7)) - 1;
  return page;
}

/** No block is asked of a second peer while a first one is at it. @returns what lets so many be, once. */
export function holdHotswaps(core: Hypercore): (blocks: number) => void {
  const { replicator } = core.core;
  assertHas(replicator, 'replicator', 'updateAll');
  assertHas(replicator.hotswaps, 'replicator.hotswaps', 'pick');
  const pick = replicator.hotswaps.pick.bind(replicator.hotswaps);
  let left = 0;
  replicator.hotswaps.pick = function* (peer) {
    for (const block of left > 0 ? pick(peer) : []) {
      const before = peer.inflight;
      yield block;
      if (peer.inflight > before && --left <= 0) return;
    }
  };
  return (blocks) => {
    left = blocks;
    replicator.updateAll();
  };
}

/** A block that was read for a peer is copied into what is sent to it, and its memory is free for the next one. */
export function reuseSentBlocks(core: Hypercore): void {
  core.on('peer-add', ({ wireData }: Peer) => {
    assertHas(wireData, 'peer.wireData', 'send');
    const send = wireData.send.bind(wireData);
    wireData.send = (answer) => {
      const isSent = send(answer);
      if (answer.block !== null) giveBack(answer.block.value);
      return isSent;
    };
  });
}

export const hasAny = (peer: Peer): boolean =>
  peer._remoteContiguousLength > 0 || peer.remoteBitfield.findFirst(true, 0) !== -1;
export const hasAll = (peer: Peer): boolean => peer.remoteContiguousLength >= peer.core.state.length;
/** It has this block, and could be asked for it. */
export const canBring = (peer: Peer, index: number): boolean =>
  index < peer._remoteContiguousLength || peer.missingBlocks.get(index);

/** Asks for a block of a peer only where it may be; `asked` hears of each. Where that is judged anew, `updateAll` looks again. */
export function guardRequests(
  core: Hypercore,
  on: { mayAsk(peer: Peer, index: number): boolean; asked(peer: Peer): void },
): { stop(): void; lookAgain(): void } {
  const { replicator } = core.core;
  assertHas(replicator, 'replicator', 'updateAll');
  const guarded = new Map<Peer, Peer['_requestRangeBlock']>();
  const guard = (peer: Peer): void => {
    assertHas(peer, 'peer', '_requestRangeBlock');
    assertHas(peer.missingBlocks, 'peer.missingBlocks', 'get');
    assertHas(peer.remoteBitfield, 'peer.remoteBitfield', 'findFirst');
    const request = peer._requestRangeBlock.bind(peer);
    guarded.set(peer, request);
    peer._requestRangeBlock = (index, length) => {
      const isAsked = on.mayAsk(peer, index) && request(index, length);
      if (isAsked) on.asked(peer);
      return isAsked;
    };
  };
  const forget = (peer: Peer): void => void guarded.delete(peer);
  core.peers.forEach(guard);
  core.on('peer-add', guard);
  core.on('peer-remove', forget);
  return {
    lookAgain: () => replicator.updateAll(),
    stop() {
      core.off('peer-add', guard);
      core.off('peer-remove', forget);
      for (const [peer, request] of guarded) peer._requestRangeBlock = request;
    },
  };
}

function withBlocksIn(blocks: Blocks, core: OneCoreStorage): OneCoreStorage {
  assertHas(core, 'core storage', 'read', 'write', 'close');
  const read = core.read.bind(core);
  const write = core.write.bind(core);
  core.read = (fork) => {
    const reader = read(fork);
    assertHas(reader, 'reader', 'getBlock', 'getHead', 'tryFlush');
    reader.getBlock = (index) => (blocks.kept.has(index) ? blocks.file.read(index) : Promise.resolve(null));
    return reader;
  };
  core.write = () => writerWithBlocksIn(blocks, write());
  return core;
}

function writerWithBlocksIn({ file, kept }: Blocks, writer: CoreWriter): CoreWriter {
  assertHas(writer, 'writer', 'putBlock', 'deleteBlock', 'deleteBlockRange', 'putTreeNode', 'putBitfieldPage', 'setHead');
  const flush = writer.flush.bind(writer);
  const put = new Map<number, Uint8Array>();
  writer.putBlock = (index, block) => void put.set(index, block);
  // A block that is forgotten is fetched again, and written over.
  writer.deleteBlock = (index) => void kept.delete(index);
  writer.deleteBlockRange = (start, end) => {
    for (const index of kept) if (index >= start && (end === -1 || index < end)) kept.delete(index);
  };
  writer.flush = async () => {
    await Promise.all([...put].map(([index, block]) => file.write(index, block)));
    const flushed = await flush();
    for (const [index, block] of put) {
      kept.add(index);
      giveBackMessage(block);
    }
    return flushed;
  };
  return writer;
}

function assertHas(object: object, what: string, ...methods: readonly string[]): void {
  for (const method of methods)
    if (typeof (object as Record<string, unknown>)[method] !== 'function')
      throw new Error(`this version of hypercore is not the one that QMesh knows: its ${what} has no ${method}`);
}
