/**
 * Every actor of a worker's tree is made to crash, whatever its level, and none of them takes the worker with it: the stream
 * that was running ends whole, and a prompt asked right afterwards is answered soon. On a simulated mesh, where "soon" is
 * exact, each in a world of its own; then over a real network and a real engine, one after another in one worker. Only the
 * root is left out: its failure is the end of the process, for a service manager to see. About 1 minute.
 */
import { dirname } from 'node:path';
import type { AnyActorRef } from 'xstate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningWorker } from '../../src/actors/worker/start-worker.js';
import { QMeshClient } from '../support/built-client.js';
import { expectedCount } from '../../src/gguf/demo-model.js';
import { keyPairFromSeed } from '../../src/protocol/keys.js';
import { circuitRules } from '../../src/rules/circuit.js';
import { systemRandom } from '../../src/runtime/random.js';
import { defaultIntensity } from '../../src/runtime/supervision.js';
import { countFrom } from '../simulation/world/sim-engine.js';
import { World } from '../simulation/world/world.js';
import { crash, everyActor } from '../support/crash.js';
import { ModelFolder } from '../support/engine-harness.js';
import { startWorkerHere } from '../support/worker-in-process.js';
import { startTestnet, type Testnet } from '../support/worker-process.js';

/** What takes the connection along: a client first finds out, then dials anew. */
const losesConnection = /^root\/services(?:$|\/networks(?:$|\/(?:dht|peers|topics)))/;

/** Every actor but the root, by its path, parents first. */
const pathsOf = (root: AnyActorRef): string[] =>
  everyActor(root)
    .map(({ path }) => path)
    .slice(1);

function crashAt(root: AnyActorRef, path: string): void {
  const found = everyActor(root).find((actor) => actor.path === path);
  if (found === undefined) throw new Error(`${path} is not there`);
  crash(found.ref, new Error(`${path} was made to crash`));
}

describe('on a simulated mesh', () => {
  const streamTokens = 100;

  /** A worker and a client, connected, in the middle of a stream. */
  function busyWorld(seed: number) {
    const world = new World(seed);
    const worker = world.startWorker();
    const client = world.startClient();
    const stream = world.ask(client, { prompt: 'count from 7', options: { maxTokens: streamTokens } });
    if (!world.clock.runUntil(() => stream.text.length > 50, 20_000)) throw new Error('the stream did not begin');
    return { world, worker, client, stream };
  }

  const paths = pathsOf(busyWorld(1).worker.tree.root);

  /** Without those that come and go with connections and requests. */
  const lasting = (all: readonly string[]): string[] =>
    all.filter((path) => !/request|peer\.|connection/.test(path)).sort();

  it('there are all kinds of actors to crash', () => {
    for (const kind of [
      'services',
      'scheduler',
      'request.0',
      'engine.0',
      'slot.0.0',
      'process',
      'peer.0',
      'dht',
      'swarm',
    ])
      expect(paths.some((path) => path.endsWith(`/${kind}`))).toBe(true);
  });

  /** While the scheduler is away the worker refuses what comes, and a third refusal opens its circuit at the client. */
  it.each(paths)('%s', (path) => {
    const limitMs = losesConnection.test(path)
      ? 5_000
      : 1_000 + (path.endsWith('/scheduler') ? circuitRules.firstPauseMs : 0);
    for (let seed = 1; seed <= 10; seed++) {
      const { world, worker, client, stream } = busyWorld(seed);
      crashAt(worker.tree.root, path);
      const next = world.ask(client, { prompt: 'count from 30', options: { maxTokens: 5 } });
      expect(
        world.clock.runUntil(() => next.ends > 0, limitMs),
        `answered within ${limitMs} ms, seed ${seed}`,
      ).toBe(true);
      expect(next).toMatchObject({ text: countFrom(30, 5), failure: undefined });
      world.clock.advance(20_000);
      expect(stream).toMatchObject({ ends: 1, text: countFrom(7, streamTokens), failure: undefined });
      expect(world.escalations).toEqual([]);
      expect(lasting(pathsOf(worker.tree.root))).toEqual(lasting(paths));
    }
  });
});

describe('over a real network and a real engine', () => {
  const greedy = { temperature: 0 } as const;
  const models = new ModelFolder();
  let testnet: Testnet;
  let worker: RunningWorker;
  let client: QMeshClient;
  const escalations: unknown[] = [];

  beforeAll(async () => {
    const path = await models.model('demo');
    testnet = await startTestnet();
    const seed = systemRandom.bytes(32);
    worker = startWorkerHere({ testnet, modelPath: path, seed });
    worker.tree.onEscalation((error) => escalations.push(error));
    client = await QMeshClient.connect({
      bootstrap: testnet.bootstrap,
      host: '127.0.0.1',
      identity: keyPairFromSeed(seed), // as its owner, whose rate nothing limits
    });
  });
  afterAll(async () => {
    await client.close();
    await new Promise<void>((stopped) => worker.tree.stop(stopped));
    await testnet.destroy();
    models.remove();
  });

  it('one after another, the worker goes on', { timeout: 180_000 }, async () => {
    const begun = await streamFrom(client, 1);
    const paths = pathsOf(worker.tree.root);
    await begun.rest;
    const pace = new Pace();
    const slowest = new Map<string, number>();
    for (let i = 0; paths.length > 0; i++) {
      const path = await pace.next(paths);
      // A connection has the lowest name that is free, so it may have changed since.
      const { rest } = await streamFrom(client, i);
      const now = pathsOf(worker.tree.root).find((other) => kindOf(other) === kindOf(path));
      expect(now, `${path} is back`).toBeDefined();
      crashAt(worker.tree.root, now ?? path);
      const startMs = performance.now();
      const answer = client.generate({
        prompt: `count from ${i}`,
        options: { ...greedy, maxTokens: 5 },
        patienceMs: 60_000,
      });
      await expect(answer, `after ${path}`).resolves.toMatchObject({ text: expectedCount(i, 5) });
      slowest.set(path, performance.now() - startMs);
      await rest;
    }
    expect(escalations).toEqual([]);
    // An engine starts in a second or two, a network is back within five: far less than this on any machine.
    expect(Math.max(...slowest.values())).toBeLessThan(15_000);
    if (process.env.QMESH_FIGURES === '1')
      process.stdout.write(`${[...slowest].map(([p, ms]) => `${ms.toFixed(0).padStart(6)} ms ${p}`).join('\n')}\n`);
  });

  const kindOf = (path: string): string => path.replace(/(peer|request)\.\d+/g, '$1');

  /** Resolves in the middle of a stream; `rest` when it has ended, and whole. */
  async function streamFrom(asking: QMeshClient, start: number): Promise<{ rest: Promise<void> }> {
    const tokens = 600;
    const stream = asking.stream({
      prompt: `count from ${start}`,
      options: { ...greedy, maxTokens: tokens },
      patienceMs: 60_000,
    });
    let begun = (): void => {};
    const beginning = new Promise<void>((resolve) => (begun = resolve));
    const rest = (async () => {
      let text = '';
      for await (const chunk of stream) {
        text += chunk.text;
        begun();
      }
      expect(text).toBe(expectedCount(start, tokens));
    })();
    await Promise.race([beginning, rest]);
    return { rest };
  }
});

/** More crashes than `defaultIntensity` allows would rightly make a supervisor give up: this keeps each of them below it. */
class Pace {
  readonly #crashesMs = new Map<string, number[]>();

  /** Takes the one of `paths` that may crash soonest, and waits until it may. */
  async next(paths: string[]): Promise<string> {
    const waits = paths.map((path) => this.#waitMs(path));
    const least = Math.min(...waits);
    const [path = ''] = paths.splice(waits.indexOf(least), 1);
    if (least > 0) await new Promise((resolve) => setTimeout(resolve, least));
    this.#crashesMs.set(supervisorOf(path), [...(this.#crashesMs.get(supervisorOf(path)) ?? []), performance.now()]);
    return path;
  }

  #waitMs(path: string): number {
    const { maxRestarts, windowMs } = defaultIntensity;
    const crashes = this.#crashesMs.get(supervisorOf(path)) ?? [];
    return Math.max(0, (crashes.at(-maxRestarts) ?? -Infinity) + windowMs - performance.now());
  }
}

/** Who restarts it; a process or a node fails with its actor. */
const supervisorOf = (path: string): string => dirname(path.replace(/\/(?:process|node|swarm|connection)$/, ''));
