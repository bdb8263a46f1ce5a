/** A stranger's node on the models network: `qmesh models pull` has a model from it, and it has one from `qmesh models share`. About 10 s. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeModel } from '../../../src/gguf/models.js';
import { dist } from '../../support/dist.js';
import { until } from '../../support/real-network.js';
import { ScriptProcess } from '../../support/script-process.js';
import { startTestnet, type Testnet } from '../../support/worker-process.js';
import { ModelsStranger, modelsTopic, type Peer } from './models-wire.js';

const folder = mkdtempSync(join(tmpdir(), 'qmesh-conformance-'));
let testnet: Testnet;
let stranger: ModelsStranger;
let seeder: ScriptProcess;
/** Several blocks, the last one short. */
let model: Buffer;

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const qmesh = (home: string, ...args: readonly string[]): ScriptProcess =>
  new ScriptProcess(join(dist, 'cli/qmesh.js'), ['models', ...args, '--json'], {
    QMESH_HOME: join(folder, home),
    QMESH_BOOTSTRAP: testnet.bootstrap,
    QMESH_HOST: '127.0.0.1',
  });

beforeAll(async () => {
  testnet = await startTestnet();
  const path = join(folder, 'home/models/ours.gguf');
  mkdirSync(join(folder, 'home/models'), { recursive: true });
  await writeModel('demo', path);
  writeFileSync(path, randomBytes(100_000), { flag: 'a' });
  model = readFileSync(path);
  seeder = qmesh('home', 'share');
  stranger = new ModelsStranger(testnet.nodes);
  stranger.join();
  await seeder.says('sharing');
  return async () => {
    await stranger.close();
    await testnet.destroy();
  };
});
afterAll(async () => {
  for (const script of [...ScriptProcess.running]) await script.kill();
  rmSync(folder, { recursive: true, force: true });
});

/** The seeder, once it has told its shelf. On a machine where a local mesh is running, others may be there, too. */
const withShelf = (): Peer | undefined => {
  const { node } = seeder.last('sharing') ?? {};
  return stranger.peers.find(({ heard }) => heard.some((told) => told.type === 'shelf' && told.node === node));
};

describe('a node of ours', () => {
  it('tells a shelf that is signed for the connection; its drive has cards, and what they name is all there', async () => {
    await until(() => withShelf() !== undefined, 'a shelf', 30_000);
    const peer = withShelf()!;
    const told = peer.heard.find(({ type }) => type === 'shelf')!;
    expect(told.v).toBe(2);
    expect(stranger.isGenuine(peer, told)).toBe(true);
    const cards = await stranger.cardsOf(told.drive);
    expect(cards).toMatchObject([{ name: 'ours', bytes: model.length, sha256: sha256(model) }]);
    expect(sha256(await stranger.fetch(cards[0]!))).toBe(sha256(model));
  });

  it('asks for what it looks for, and fetches it from a stranger who offers it', async () => {
    const theirs = Buffer.concat([model, randomBytes(2_000_000)]);
    await stranger.offer('theirs', theirs);
    const puller = qmesh('other', 'pull', 'theirs');
    const wants = (): boolean =>
      stranger.peers.some(({ heard }) => heard.some(({ models }) => (models ?? []).includes('theirs')));
    await until(() => wants() || puller.child.exitCode !== null, 'it asks', 30_000);
    expect(wants()).toBe(true);
    expect(await puller.exit, `${JSON.stringify(puller.lines)} ${puller.errors}`).toBe(0);
    expect(sha256(readFileSync(join(folder, 'other/models/theirs.gguf')))).toBe(sha256(theirs));
  });

  const strangers = 'ab'.repeat(32);
  const wanted = (models: readonly unknown[]): object => ({ v: 2, type: 'wanted', models });
  it.each<[string, (peer: Peer) => Buffer | object]>([
    ['a shelf that another one signed', (peer) => ({ ...stranger.shelf(peer), node: strangers })],
    ['a shelf with another drive than was signed', (peer) => ({ ...stranger.shelf(peer), drive: strangers })],
    ['a shelf for another connection', (peer) => stranger.shelf(peer, { key: strangers })],
    ['a shelf for another network', (peer) => stranger.shelf(peer, { network: `acme/${modelsTopic}` })],
    ['a shelf without a signature', (peer) => ({ ...stranger.shelf(peer), signature: undefined })],
    ['a name that is none', () => wanted([5])],
    ['more bytes than there may be', () => ({ ...wanted(['a']), filler: 'x'.repeat(65_536) })],
    ['no JSON', () => Buffer.from('{"v": 2,')],
    ['no object', () => Buffer.from('[]')],
  ])('ends the connection at %s', async (_, told) => {
    const peer = stranger.dial((await ours()).key);
    await until(() => peer.heard.length > 0, 'its shelf', 10_000);
    peer.send(told(peer));
    await until(() => !stranger.peers.includes(peer), 'the end of the connection', 10_000);
  });

  it('does not mind what it does not know, nor messages that say the same again', async () => {
    const peer = stranger.dial((await ours()).key);
    await until(() => peer.heard.length > 0, 'its shelf', 10_000);
    peer.send({ v: 2, type: 'of a later version', models: 5 });
    peer.send({ ...wanted(Array.from({ length: 900 }, (_, i) => `model-${i}`)), filler: 'x'.repeat(48_000) });
    for (let i = 0; i < 3; i++) peer.send({ ...stranger.shelf(peer), unheardOf: [] });
    await delay(500);
    expect(stranger.peers).toContain(peer);
    peer.stream.destroy();
  });

  /** The seeder, which all of this did not harm. */
  async function ours(): Promise<Peer> {
    await until(() => withShelf() !== undefined, 'a shelf', 30_000);
    return withShelf()!;
  }
});
