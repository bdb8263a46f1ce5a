/**
 * The only module that depends on Hypercore's internals (hypercore 11.37.1, hypercore-storage 3.3.1). Hypercore stores
 * blocks in its database, but llama.cpp needs a plain file. To store a model only once, the database here holds just
 * the tree, and the blocks stay in the file:
 *
 *  1. A core's storage is created by two methods, `createCore` and `resumeCore`; both are replaced on this one
 *     instance.
 *  2. The storage they return reads blocks with `read().getBlock` and writes them with `write().putBlock … flush`;
 *     those go to the file. A block that is not there must be read as null; the database's bitfield says which ones
 *     are.
 *  3. A flush writes blocks before the database, so every block that the database lists exists.
 *  4. Hypercore asks a peer with fewer than 16 open requests also for blocks that others are already sending. With 1
 *     MiB blocks, far fewer than 16 are open, and two thirds of a file arrived twice. So `replicator.hotswaps.pick`
 *     yields nothing unless the end of a fetch drags on.
 *  5. Hypercore assigns blocks to peers at random and requests them with the peer's `_requestRangeBlock`, which here
 *     asks for permission first. `_remoteContiguousLength` and `remoteBitfield` say what a peer has, `missingBlocks`
 *     which of that is missing here.
 *
 * The core of a file that is already here is planted: its tree is written as if it had been fetched, without copying
 * any block.
 *
 * test/unit/actors/models/core-storage.test.ts fails if a new version of either package does any of this differently.
 */
import Hypercore, { type CoreStorage, type CoreWriter, type OneCoreStorage, type Peer } from 'hypercore';
import type { ModelContent } from '../../protocol/model-content.js';
import { giveBack } from './block-buffers.js';
import { giveBackMessage } from './block-stream.js';
import { blockCount, nodesOf, type BlockTree } from './block-tree.js';
import type { BlockFile } from './block-file.js';
import { keyOf, manifestOf } from './model-key.js';

/** The tree of a 4 GB model takes 400 KB. The default of 64 MiB is allocated on disk while the core is open. */
const writeBufferBytes = 1 << 20;
/** Tree nodes per batch: more would block the event loop. */
const plantedAtOnce = 512;
/** Bits per page of the bitfield. */
const pageBits = 32_768;

/** The file, and which blocks are in it: initially those listed by the database. */
interface Blocks {
  readonly file: BlockFile;
  readonly kept: Set<number>;
}

/** @throws if another process has this folder open */
export function openCoreStorage(folder: string, file: BlockFile): CoreStorage {
  // A copied or restored home works as well as the original: cores are verified against their keys.
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

/** From the database's bitfield. */
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

/** Creates the core of a complete file, unless it already exists with all its blocks, either planted or fetched. */
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

/** The head is written last: without it the core is empty and will be planted again. */
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

/** A page with its first `count` bits set. Bit `i` is in byte `i / 8`, lowest bit first. */
function firstBits(count: number): Uint8Array {
  const page = new Uint8Array(pageBits / 8);
  const wholeBytes = Math.min(page.length, count >> 3);
  page.fill(0xff, 0, wholeBytes);
  if (wholeBytes < page.length) page[wholeBytes] = (1 << (count & 7)) - 1;
  return page;
}

/**
 * Prevents requesting a block from a second peer while a first one is sending it.
 * @returns a function that permits this once for a number of blocks
 */
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

/** Sending copies a block that was read for a peer, so its buffer can be reused right away. */
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
/** The peer has this block and can be asked for it. */
export const canBring = (peer: Peer, index: number): boolean =>
  index < peer._remoteContiguousLength || peer.missingBlocks.get(index);

/**
 * Requests a block from a peer only if `mayAsk` permits it, and calls `asked` for each request. `lookAgain` retries
 * when the answer may have changed.
 */
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
  // A deleted block will be fetched again and overwritten.
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
