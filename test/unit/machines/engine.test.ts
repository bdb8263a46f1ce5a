import { describe, expect, it } from 'vitest';
import { deathsToQuarantine, engineMachine } from '../../../src/machines/engine.machine.js';
import { stage, untaken, type Staged } from './stage.js';

const model = { name: 'counter', sha256: 'sha', bytes: 1, path: '/m.gguf', contextSize: 512, memoryBytes: 1 };
const loaded = { contextSize: 512, slots: 2, threads: 2, device: 'cpu', capabilities: [] };
const modelReady = { type: 'model.ready', model };
const load = { type: 'engine.load' };
const unload = { type: 'engine.unload' };
const asked = { type: 'residence.asked' };
const up = { type: 'process.up' };
const isLoaded = { type: 'process.loaded', loaded };
const exited = (reason: string, underRequest = false) => ({ type: 'process.exited', reason, underRequest });
const proved = { type: 'process.proved' };
const backoffMs = (deaths: number): number => Math.min(30_000, 100 * 4 ** (deaths - 1));

/** Where it stands is looked at by a test of its own. */
const isNews = (name: string): boolean => name !== 'tellResidence';

function engineWith(...events: { type: string }[]): Staged {
  const engine = stage(engineMachine);
  engine.send(...events);
  engine.did();
  engine.told();
  return engine;
}
const serving = (): Staged => engineWith(modelReady, load, up, isLoaded);

/** Dies as often as it takes, and is loaded anew in between, where it answers our prompt. */
function die(engine: Staged, times: number, prove: (engine: Staged) => void = () => {}, underRequest = false): void {
  for (let death = 1; death <= times; death++) {
    engine.send(exited(`death ${death}`, underRequest));
    if (engine.state === 'quarantined') return;
    const waitMs = backoffMs(Number(engine.context.deaths));
    engine.clock.advance(waitMs - 1);
    expect(engine.state).toBe('crashed');
    engine.clock.advance(1);
    expect(engine.state).toEqual({ running: 'starting' });
    engine.send(up, isLoaded);
    expect(engine.state).toEqual({ running: 'proving' });
    engine.send(proved);
    expect(engine.state).toEqual({ running: 'ready' });
    prove(engine);
  }
}

describe('an engine', () => {
  it('asks for its model until it is there, then starts a process, loads, and says so', () => {
    const engine = stage(engineMachine);
    engine.clock.advance(2_000);
    expect(engine.did().filter(isNews)).toEqual(['askForModel', 'askForModel', 'askForModel']);
    engine.send(modelReady, load, up, { type: 'process.progress', share: 0.5 }, isLoaded);
    expect(engine.told()).toEqual(['process started', 'process: process.load']);
    expect(engine.did().filter(isNews)).toEqual(['announceReady']);
    expect(engine.context).toMatchObject({ model, loaded, deaths: 0 });
  });

  it('hands what slots and its pace say to the process while a model is loaded, and only then', () => {
    const words = [{ type: 'slot.hello' }, { type: 'slot.order' }, { type: 'slot.cancel' }];
    const paced = { type: 'pace.changed', threads: 1 };
    const engine = serving();
    engine.send(...words, paced);
    expect(engine.told()).toEqual([...words, paced].map(({ type }) => `process: ${type}`));
    for (const early of [engineWith(), engineWith(modelReady, load), engineWith(modelReady, load, up)]) {
      early.send(...words, paced);
      expect(early.told()).toEqual([]);
      expect(early.did().filter(isNews)).toEqual(['announceLost']); // to the slot that did not know
    }
  });

  it('has one process at a time: the old one is stopped before the next starts', () => {
    const engine = serving();
    die(engine, 2);
    engine.send({ type: 'engine.restart', reason: 'wedged' });
    const life = engine.told().filter((word) => /started|stopped/.test(word));
    expect(life).toEqual(['stopped', 'started', 'stopped', 'started', 'stopped'].map((word) => `process ${word}`));
  });

  it('tells its slots of each loss, and says for people why, with the reason of this death and no other', () => {
    const engine = serving();
    die(engine, 2);
    const crashes = engine.effects();
    expect(crashes.map(({ name }) => name).filter(isNews)).toEqual(
      Array.from({ length: 2 }, () => ['announceDeath', 'announceLost', 'announceCrash', 'announceReady']).flat(),
    );
    const reasons = crashes.filter(({ name }) => name === 'announceCrash').map(({ context }) => context.reason);
    expect(reasons).toEqual(['death 1', 'death 2']);
    expect(engine.context.reason).toBeUndefined(); // it runs: nothing is wrong with it
  });

  it(`is quarantined at the ${deathsToQuarantine}rd death in a row, backing off longer before each start`, () => {
    const engine = serving();
    die(engine, deathsToQuarantine);
    expect(engine.state).toBe('quarantined');
    expect(engine.did().at(-1)).toBe('announceQuarantined');
    expect(engine.context).toMatchObject({ deaths: deathsToQuarantine, ownDeaths: deathsToQuarantine });
    expect(engine.context.reason).toBe('death 3');
    engine.clock.advance(3_600_000);
    expect(engine.state).toBe('quarantined');
    engine.send(modelReady, load);
    expect(engine.state).toEqual({ running: 'starting' });
    expect(engine.context).toMatchObject({ deaths: 0, ownDeaths: 0 });
  });

  it('is not quarantined for what requests do to it, and is started ever more seldom until one ends well', () => {
    const engine = serving();
    die(engine, 20, () => {}, true);
    expect(engine.state).toEqual({ running: 'ready' });
    expect(engine.context).toMatchObject({ deaths: 20, ownDeaths: 0 });
    engine.send({ type: 'engine.restart', reason: 'slot 1 gave no sign' });
    expect(engine.context).toMatchObject({ deaths: 21, ownDeaths: 0 });
    engine.clock.advance(30_000);
    engine.send(up, isLoaded, proved, proved, exited('once more', true));
    expect(engine.context).toMatchObject({ deaths: 1, ownDeaths: 0 });
  });

  it('that does not answer a prompt of ours after a death has died of itself', () => {
    for (const fail of [
      (engine: Staged) => engine.send(exited('abort')),
      (engine: Staged) => engine.send({ type: 'engine.restart', reason: 'the model does not answer' }),
      (engine: Staged) => engine.clock.advance(30_000),
    ]) {
      const engine = serving();
      engine.send(exited('a request', true));
      for (let proof = 1; proof <= deathsToQuarantine; proof++) {
        engine.clock.advance(backoffMs(proof));
        engine.send(up, isLoaded);
        expect(engine.state).toEqual({ running: 'proving' });
        fail(engine);
      }
      expect(engine.state).toBe('quarantined');
      expect(engine.did()).toEqual(expect.not.arrayContaining(['announceReady']));
    }
  });

  it('that dies at every start is quarantined too, and starts no fourth process', () => {
    const engine = engineWith(modelReady, load);
    engine.told();
    for (let i = 0; i < 10; i++) {
      engine.send(exited('abort'));
      engine.clock.advance(10_000);
    }
    expect(engine.state).toBe('quarantined');
    expect(engine.told().filter((word) => word === 'process started')).toHaveLength(2);
  });

  it('has a clean record after a finished run, and after a minute in service', () => {
    for (const prove of [(engine: Staged) => engine.send(proved), (engine: Staged) => engine.clock.advance(60_000)]) {
      const engine = serving();
      die(engine, 10, prove);
      expect(engine.state).toEqual({ running: 'ready' });
      expect(engine.context.deaths).toBe(0);
    }
    const unproven = serving();
    die(unproven, 10, (engine) => engine.clock.advance(59_999));
    expect(unproven.state).toBe('quarantined');
  });

  it('counts a start, a load and a slot that hang as deaths', () => {
    const starting = engineWith(modelReady, load);
    starting.clock.advance(30_000);
    expect(starting.state).toBe('crashed');
    expect(starting.context.reason).toContain('did not start');

    const loading = engineWith(modelReady, load, up);
    for (let i = 0; i < 5; i++) {
      loading.clock.advance(119_000);
      loading.send({ type: 'process.progress', share: i / 5 }); // slow, but on its way
    }
    expect(loading.state).toEqual({ running: { loading: 'waiting' } });
    loading.clock.advance(120_000);
    expect(loading.state).toBe('crashed');
    expect(loading.context.reason).toContain('no progress');

    const wedged = serving();
    wedged.send({ type: 'engine.restart', reason: 'slot 1 gave no sign' });
    expect(wedged.context).toMatchObject({ deaths: 1, reason: 'slot 1 gave no sign' });
  });

  it('takes a refusal of the model as final, until there is another file', () => {
    const engine = engineWith(modelReady, load, up);
    engine.send({ type: 'process.refused', reason: 'not a GGUF' });
    expect(engine.did().filter(isNews)).toEqual(['announceDeath', 'announceLost', 'announceRefused']);
    expect(engine.told()).toEqual(['process stopped']);
    engine.clock.advance(3_600_000);
    expect(engine.state).toBe('refused');
    engine.send(modelReady, load);
    expect(engine.state).toEqual({ running: 'starting' });
  });

  it('drains: the process is asked to stop, and has five seconds', () => {
    const quick = serving();
    quick.send({ type: 'sys.shutdown' });
    expect(quick.told()).toEqual(['process: process.stop']);
    quick.send(exited('exit code 0'));
    expect(quick.isDone).toBe(true);
    expect(quick.did().filter(isNews)).toEqual(['announceDeath', 'announceLost']); // and no word of a crash

    const slow = serving();
    slow.send({ type: 'sys.shutdown' });
    slow.clock.advance(4_999);
    expect(slow.isDone).toBe(false);
    slow.clock.advance(1);
    expect(slow.isDone).toBe(true);
    expect(slow.told()).toEqual(['process: process.stop', 'process stopped']);
  });

  it('that drains is never started again, whatever happens to it', () => {
    for (const type of ['engine.restart', 'process.refused', 'sys.shutdown']) {
      const engine = engineWith(modelReady, load, up);
      engine.send({ type: 'sys.shutdown' }, { type, reason: 'late' });
      engine.clock.advance(5_000);
      expect(engine.isDone, type).toBe(true);
      expect(engine.told()).toEqual(['process: process.stop', 'process stopped']);
    }
  });

  it('stops at once where there is no process', () => {
    const noGguf = { type: 'process.refused', reason: 'not a GGUF' };
    const refused = engineWith(modelReady, load, up, noGguf);
    for (const engine of [engineWith(), engineWith(modelReady, load, exited('x')), refused]) {
      engine.send({ type: 'sys.shutdown' });
      expect(engine.isDone).toBe(true);
      expect(engine.clock.pending).toBe(0);
    }
  });

  it('is loaded when there is room for it, and unloaded when its memory is needed: not before its process is gone', () => {
    const stands = (engine: Staged): unknown[] =>
      engine
        .effects()
        .filter(({ name }) => name === 'tellResidence')
        .map(({ params }) => (params as { residence: string }).residence);
    const engine = stage(engineMachine);
    engine.send(modelReady, asked, { type: 'engine.stays' });
    expect(engine.state).toBe('parked');
    expect(engine.effects().map(({ name }) => name)).toEqual([
      'askForModel',
      'tellResidence',
      'tellResidence',
      'announceParked',
    ]);
    engine.send(load, asked, up, asked, isLoaded, asked);
    expect(stands(engine)).toEqual(['loading', 'loading', 'loading', 'loaded', 'loaded']);
    engine.told();
    engine.send(unload, asked, { type: 'engine.restart', reason: 'late' }, { type: 'process.refused', reason: 'late' });
    expect(stands(engine)).toEqual(['leaving', 'leaving']);
    expect(engine.told()).toEqual(['process: process.stop']);
    engine.send(exited('as it was told'));
    expect(stands(engine)).toEqual(['parked']);
    expect(engine.context.deaths).toBe(0);
    engine.send(load, up, isLoaded, unload);
    engine.clock.advance(5_000); // its process does not go: it is killed
    expect(engine.state).toBe('parked');
    expect(stands(engine)).toEqual(['loading', 'loaded', 'leaving', 'parked']);
    engine.send(load, exited('at once'), asked);
    expect(stands(engine)).toEqual(['loading', 'loading', 'loading']);
  });

  it('has no transition that was not taken here', () => expect(untaken(engineMachine)).toEqual([]));
});
