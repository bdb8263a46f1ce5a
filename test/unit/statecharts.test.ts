import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ELK } from 'elkjs';
import bundled from 'elkjs/lib/elk.bundled.js';
import { and, assign, not, setup } from 'xstate';
import { beforeAll, describe, expect, it } from 'vitest';
import { maxMicrosteps } from '../../src/runtime/limits.js';
import { layOut, metrics, type Box, type Drawing } from '../../src/runtime/statechart-layout.js';
import { statechartPages, type MachineModule } from '../../src/runtime/statechart-pages.js';
import { toSvg } from '../../src/runtime/statechart-svg.js';
import { allStates, machinesOf, toChart } from '../../src/runtime/statechart.js';

const root = join(import.meta.dirname, '../..');
const elk = new (bundled as unknown as new () => ELK)(); // CommonJS: the types put the class one level too deep

const doorMachine = setup({
  guards: { unlocked: () => true, watched: () => false },
  actions: { creak: () => {}, remember: assign({ knocks: 1 }) },
  delays: { closeMs: 5000 },
}).createMachine({
  id: 'door',
  context: { knocks: 0 },
  initial: 'shut',
  on: { 'door.burn': '.gone', 'door.knock': { actions: ['creak', 'remember', 'creak', 'remember', 'creak'] } },
  states: {
    shut: {
      entry: 'creak',
      initial: 'free',
      states: { free: { on: { 'door.lock': 'locked' } }, locked: {} },
      on: {
        'door.tried_by_somebody_with_a_key': { actions: 'creak' },
        'door.push': [
          { guard: and(['unlocked', not('watched')]), target: 'open', actions: ['creak', 'remember'] },
          { guard: 'watched', target: 'open' },
        ],
        'door.knock': { actions: assign({ knocks: 0 }) },
      },
    },
    open: { after: { closeMs: 'shut', 60000: 'gone' } },
    gone: { type: 'final' },
  },
});

describe('a machine as a chart', () => {
  const states = new Map(allStates(toChart(doorMachine)).map((state) => [state.id, state]));

  it('holds every state by its path, outermost first', () => {
    expect([...states.keys()]).toEqual([
      'door',
      'door.shut',
      'door.shut.free',
      'door.shut.locked',
      'door.open',
      'door.gone',
    ]);
    expect(states.get('door.shut')).toMatchObject({ kind: 'compound', initial: 'door.shut.free', entry: ['creak'] });
    expect(states.get('door.gone')?.kind).toBe('final');
  });

  it('names events, guards, actions and targets as the source does', () => {
    expect(states.get('door.shut')?.transitions.slice(1)).toEqual([
      { event: 'door.push', guard: 'unlocked and not watched', actions: ['creak', 'remember'], targets: ['door.open'] },
      { event: 'door.push', guard: 'watched', actions: [], targets: ['door.open'] },
      { event: 'door.knock', guard: undefined, actions: ['assign'], targets: [] },
    ]);
  });

  it('names delays, and shows none of what XState adds for them', () => {
    expect(states.get('door.open')?.transitions.map(({ event }) => event)).toEqual(['after 60000 ms', 'after closeMs']);
    expect(states.get('door.open')).toMatchObject({ entry: [], exit: [] });
  });
});

describe('a drawing', () => {
  let drawing: Drawing;
  beforeAll(async () => {
    drawing = await layOut(toChart(doorMachine), elk);
  });
  const overlap = (a: Box, b: Box): boolean =>
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

  it('has a box for each state, and states overlap only where one holds the other', () => {
    expect(drawing.states).toHaveLength(6);
    for (const a of drawing.states) {
      for (const b of drawing.states) {
        const related = a.state.id.startsWith(b.state.id) || b.state.id.startsWith(a.state.id);
        if (!related) expect(overlap(a, b), `${a.state.id} over ${b.state.id}`).toBe(false);
      }
    }
  });

  it('makes every box large enough for its text, whichever way the chart runs', () => {
    for (const { state, lines, ...box } of drawing.states) {
      const longest = Math.max(...lines.map((line) => line.map(({ text }) => text).join('').length), state.name.length);
      expect(box.width, state.id).toBeGreaterThan(longest * metrics.charWidth);
      expect(box.height, state.id).toBeGreaterThan(lines.length * metrics.lineHeight);
    }
  });

  it('puts no label onto another one or onto a state without children', () => {
    const labels = drawing.arrows.flatMap(({ label }) => (label === undefined ? [] : [label]));
    expect(labels.length).toBeGreaterThan(2);
    const solid = [...labels, ...drawing.states.filter(({ state }) => state.states.length === 0)];
    for (const label of labels)
      for (const other of solid) if (other !== label) expect(overlap(label, other)).toBe(false);
  });

  it('draws arrows between the states they name, backward ones too', () => {
    const back = drawing.arrows.find(({ from, to }) => from === 'door.open' && to === 'door.shut');
    const [open, shut] = ['door.open', 'door.shut'].map((id) => drawing.states.find(({ state }) => state.id === id));
    const touches = (box: Box, { x, y }: { x: number; y: number }): boolean =>
      x >= box.x - 1 && x <= box.x + box.width + 1 && y >= box.y - 1 && y <= box.y + box.height + 1;
    expect(touches(open!, back!.points[0]!)).toBe(true);
    expect(touches(shut!, back!.points.at(-1)!)).toBe(true);
  });

  it('marks each state for pages that light it up, and escapes what it writes', () => {
    const svg = toSvg(drawing, 'a < b & "c"');
    expect(svg).toContain('data-state="door.shut.locked"');
    expect(svg).toContain('<title>a &lt; b &amp; &quot;c&quot;</title>');
  });
});

async function machineModules(): Promise<MachineModule[]> {
  const machines = join(root, 'src/machines');
  const files = readdirSync(machines).filter((file) => file.endsWith('.machine.ts'));
  return Promise.all(
    files.map(async (file) => ({
      path: `src/machines/${file}`,
      exports: (await import(join(machines, file))) as Record<string, unknown>,
    })),
  );
}

it('every machine ends a step that goes in circles', async () => {
  const machines = (await machineModules()).flatMap(({ exports }) => machinesOf(exports));
  const unlimited = machines.filter(([, { options }]) => options.maxIterations !== maxMicrosteps);
  expect(machines.length).toBeGreaterThan(10);
  expect(unlimited.map(([name]) => name)).toEqual([]);
});

it('docs/statecharts shows the machines as they are (`npm run statecharts` writes it anew)', async () => {
  const pages = await statechartPages(await machineModules(), elk);
  const committed = new Map(
    readdirSync(join(root, 'docs/statecharts')).map((name) => [
      name,
      readFileSync(join(root, 'docs/statecharts', name), 'utf8'),
    ]),
  );
  const stale = [...new Set([...pages.keys(), ...committed.keys()])].filter(
    (name) => pages.get(name) !== committed.get(name),
  );
  expect(stale, 'stale in docs/statecharts: run `npm run statecharts` and commit what it wrote').toEqual([]);
}, 60_000);
