/** How a worker deals with hanging engines, and with other programs on its machine, on a virtual clock. */
import { describe, expect, it } from 'vitest';
import { countFrom } from './world/sim-engine.js';
import type { SimWorker } from './world/sim-worker.js';
import { World } from './world/world.js';

function mesh(): { world: World; worker: SimWorker; client: ReturnType<World['startClient']> } {
  const world = new World(7);
  const worker = world.startWorker({ slots: 2 });
  const client = world.startClient();
  world.clock.advance(3_000);
  return { world, worker, client };
}
const ask = (start: number, maxTokens: number) => ({
  prompt: `count from ${start}`,
  options: { maxTokens },
  deadlineMs: 120_000,
});

describe('an engine that hangs', () => {
  it('is replaced, and its requests continue from their text', () => {
    const { world, worker, client } = mesh();
    const requests = [world.ask(client, ask(5, 100)), world.ask(client, ask(500, 100))];
    world.clock.advance(500);
    const [hung] = worker.engines.processes;
    hung?.hang();
    world.clock.advance(60_000);
    expect(requests.map(({ text }) => text)).toEqual([countFrom(5, 100), countFrom(500, 100)]);
    expect(requests.map(({ ends, failure }) => [ends, failure])).toEqual([
      [1, undefined],
      [1, undefined],
    ]);
    expect(worker.engines.processes).not.toContain(hung);
    expect(worker.engines.processes).toHaveLength(1);
  });

  it('loses its run only once, and the request needs no other worker', () => {
    for (const end of ['hang', 'die'] as const) {
      const { world, worker, client } = mesh();
      const request = world.ask(client, ask(5, 100));
      world.clock.advance(500);
      worker.engines.processes[0]?.[end]();
      world.clock.advance(60_000);
      expect(request.text).toBe(countFrom(5, 100));
      if (end === 'die') expect(request.answer?.tries).toHaveLength(1);
    }
  });

  it('is not watched while it is idle', () => {
    const { world, worker } = mesh();
    const processes = [...worker.engines.processes];
    world.clock.advance(600_000);
    expect(worker.engines.processes).toEqual(processes);
  });
});

describe('a request that kills the engine', () => {
  it('is identified, ended and counted against its sender, while the model stays and other requests lose nothing', () => {
    const world = new World(11);
    const worker = world.startWorker({ slots: 3 });
    const client = world.startClient();
    const villain = world.startClient();
    world.clock.advance(3_000);
    const honest = [5, 300, 700].map((start) => world.ask(client, ask(start, 600)));
    const attacks = [1, 2, 3].map((n) => {
      world.clock.advance(1_000);
      return world.ask(villain, { prompt: `deadly ${n}`, options: { maxTokens: 10 }, deadlineMs: 20_000 });
    });
    world.clock.advance(60_000);
    expect(attacks.map(({ text, ends, failure }) => [text, ends, failure === undefined])).toEqual(
      attacks.map(() => ['', 1, false]),
    );
    for (const [at, start] of [5, 300, 700].entries()) {
      expect(honest[at]?.text).toBe(countFrom(start, 600));
      expect(honest[at]?.answer?.tries).toHaveLength(1);
    }
    // At most two deaths per request, however often its client asks again; and the model is never given up.
    expect(worker.engines.deaths).toBeGreaterThanOrEqual(4);
    expect(worker.engines.deaths).toBeLessThanOrEqual(2 * attacks.length);
    const later = world.ask(client, ask(9, 20));
    world.clock.advance(40_000);
    expect(later.text).toBe(countFrom(9, 20));
    expect(world.escalations).toEqual([]);
  });

  it('does not excuse a model that dies on its own', () => {
    const { world, worker, client } = mesh();
    worker.engines.faults = { deathPerToken: 1, deathAtLoad: 0 };
    const request = world.ask(client, ask(5, 20));
    world.clock.advance(60_000);
    expect(request.failure).toBeDefined();
    expect(worker.deps.board.models).toEqual([]); // it did not survive a prompt of ours either
    expect(worker.engines.deaths).toBe(4);
  });
});

describe('programs of the owner', () => {
  const threads = ({ engines }: SimWorker) => engines.processes.map((process) => process.threads);

  it('get a core within 2 s while an engine computes, and the engine takes it back when they end', () => {
    const { world, worker, client } = mesh();
    world.ask(client, ask(5, 2_000));
    world.clock.advance(2_000);
    expect(threads(worker)).toEqual([2]);
    worker.engines.othersCores = 1;
    world.clock.advance(2_000);
    expect(threads(worker)).toEqual([1]);
    worker.engines.othersCores = 0;
    world.clock.advance(2_000);
    expect(threads(worker)).toEqual([1]);
    world.clock.advance(2_000);
    expect(threads(worker)).toEqual([2]);
  });

  it('are taken into account by a restarted engine', () => {
    const { world, worker, client } = mesh();
    worker.engines.othersCores = 1;
    const request = world.ask(client, ask(5, 400));
    world.clock.advance(2_000);
    worker.engines.processes[0]?.die();
    world.clock.advance(500);
    expect(threads(worker)).toEqual([1]);
    world.clock.advance(30_000);
    expect(request.text).toBe(countFrom(5, 400));
  });

  it('are taken into account by a restarted pace actor at its next sample', () => {
    const { world, worker, client } = mesh();
    worker.engines.othersCores = 1;
    world.ask(client, ask(5, 2_000));
    world.clock.advance(2_000);
    worker.crash('pace.0');
    world.clock.advance(2_000);
    expect(threads(worker)).toEqual([1]);
    expect(world.escalations).toEqual([]);
  });
});
