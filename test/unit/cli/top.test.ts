/** `qmesh top` as text: the same snapshot always gives the same page, and it holds what an owner looks for. */
import { describe, expect, it } from 'vitest';
import type { WorkerReport } from '../../../src/actors/control/messages.js';
import { paintFor } from '../../../src/cli/paint.js';
import { fittedTo, sparkline, topPage } from '../../../src/cli/top/page.js';
import type { MeshWorker, TopSnapshot } from '../../../src/cli/top/snapshot.js';

const paint = paintFor({ isTTY: false, hasColors: () => false });
const state = {
  health: { score: 72, state: 'light', capacity: 80 },
  slots: { total: 4, busy: 1 },
  queue: { length: 3, capacity: 100 },
  performance: { avgResponseMs: 1_230, tokensPerSecond: 35.2 },
  uptimeMs: 7_500_000,
  agent: 'qmesh/0.1.0',
};
const here: WorkerReport = {
  ...state,
  workerId: 'b'.repeat(64),
  state: 'on_duty',
  untilMs: null,
  schedule: null,
  pid: 12,
  balance: 1_500,
  peers: 2,
  admin: null,
  loaded: [],
  fetching: [],
  waiting: { gold: 2, guest: 1 },
  models: [{ name: 'llama', sha256: 'c'.repeat(64), bytes: 1, contextSize: 4_096, capabilities: [] }],
};
const worker = (id: string, more: Partial<MeshWorker> = {}): MeshWorker => ({
  ...state,
  worker: id.repeat(64),
  isHere: false,
  isFresh: true,
  models: ['llama'],
  ...more,
});
const page = (snapshot: Partial<TopSnapshot>, speeds: readonly number[] = [], columns = 80): string =>
  topPage({ snapshot: { at: Date.UTC(2026, 0, 1), here: null, mesh: [], ...snapshot }, speeds, paint, columns });

describe('the page', () => {
  it('shows the worker here: state, health, slots, queue by tier, pace, clients, models', () => {
    const text = page({ here, mesh: [worker('b', { isHere: true })] }, [10, 20, 40]);
    expect(text).toContain('1 worker in sight');
    expect(text).toMatch(/This machine {2}worker bbbbbbbb {2}qmesh\/0\.1\.0, pid 12/);
    expect(text).toContain('on duty, up 2 h 5 min');
    expect(text).toMatch(/health +█{14}░{6} 72, light, lends 80 %/);
    expect(text).toMatch(/slots +█{5}░{15} 1 of 4 busy/);
    expect(text).toMatch(/queue .* 3 of 100, 2 gold, 1 guest/);
    expect(text).toMatch(/speed +▃▅█ +35\.2 tokens\/s {2}1\.2 s a response/);
    expect(text).toContain('llama (4,096 tokens)');
  });

  it('leaves room for the words on a narrow terminal', () => {
    expect(page({ here }, [], 40)).toMatch(/health +█{6}░{2} 72, light, lends 80 %/);
  });

  it('lists the mesh, and who has fallen silent', () => {
    const text = page({ mesh: [worker('a', { isHere: true }), worker('d', { isFresh: false })] });
    expect(text).toMatch(/aaaaaaaa \(here\) +light +72 +1\/4 +3\/100 +35\.2 +2 h 5 min +llama/);
    expect(text).toMatch(/dddddddd +silent/);
  });

  it('says what to do where there is nothing to show', () => {
    expect(page({})).toMatch(/No worker runs on this home. Start one with: qmesh worker\n\nNo worker is in sight/);
  });

  it('lets nobody write to the terminal through the name of a model', () => {
    const evil = '\x1b[2Jx';
    const models = here.models.map((model) => ({ ...model, name: evil }));
    expect(page({ here: { ...here, models }, mesh: [worker('a', { models: [evil] })] })).not.toContain('\x1b');
  });
});

it('a sparkline shows the latest values against their highest', () => {
  expect(sparkline([], 20)).toBe('');
  expect(sparkline([0, 0], 20)).toBe('');
  expect(sparkline([1, 2, 4, 8], 20)).toBe('▂▃▅█');
  expect(
    sparkline(
      Array.from({ length: 100 }, (_, i) => i),
      20,
    ),
  ).toHaveLength(20);
});

it('is cut to a small screen, and keeps its colours', () => {
  const red = '\x1b[31mred\x1b[39m';
  expect(fittedTo({ columns: 5, rows: 2 }, `${red} and blue\nlonger\nlast`)).toBe(`${red} a\nlonge`);
  expect(fittedTo({ columns: 5, rows: 2 }, '日本語 model')).toBe('日本');
  expect(fittedTo({ columns: 80, rows: 24 }, `${red}\nlast`)).toBe(`${red}\nlast`);
});
