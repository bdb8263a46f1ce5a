/**
 * The generated pages of docs/statecharts/: for each machine a picture and its tables, and an index of all. A pure
 * function from machines to text, so that `npm run statecharts` writes it and a test detects when it is stale.
 */
import type { ELK } from 'elkjs';
import type { AnyStateMachine } from 'xstate';
import { seededRandom } from './random.js';
import { layOut } from './statechart-layout.js';
import { toSvg } from './statechart-svg.js';
import { supervisor } from './supervisor.js';
import { VirtualClock } from './virtual-clock.js';
import { allStates, machinesOf, toChart, type Chart, type ChartState } from './statechart.js';

/** A source file by its path in the repository (`src/machines/slot.machine.ts`), and its exports. */
export interface MachineModule {
  readonly path: string;
  readonly exports: Readonly<Record<string, unknown>>;
}

/** All supervisors have the same chart, whatever their children. */
const supervisors: MachineModule = {
  path: 'src/runtime/supervisor.ts',
  exports: {
    supervisor: supervisor(
      { id: 'supervisor', strategy: 'one-for-one', children: [] },
      { clock: new VirtualClock(), random: seededRandom(0) },
    ),
  },
};

/** File name → content of every file in docs/statecharts/. Machine ids must be unique. */
export async function statechartPages(modules: readonly MachineModule[], elk: ELK): Promise<Map<string, string>> {
  const found = [...modules, supervisors].flatMap(({ path, exports }) =>
    machinesOf(exports).map(([, machine]) => ({ path, machine })),
  );
  const sorted = found.sort((a, b) => (a.machine.id < b.machine.id ? -1 : 1));
  const pages = new Map<string, string>();
  for (const { path, machine } of sorted) {
    const chart = toChart(machine);
    if (pages.has(`${chart.id}.svg`))
      throw new Error(`two machines have the id '${chart.id}': give one of them another id`);
    pages.set(`${chart.id}.svg`, toSvg(await layOut(chart, elk), `Statechart of ${chart.id}`));
    pages.set(`${chart.id}.md`, machinePage(chart, path));
  }
  pages.set('README.md', indexPage(sorted));
  return pages;
}

const notice = '<!-- Generated from the machines by `npm run statecharts`. Edits here are lost, and fail a test. -->';

function indexPage(machines: readonly { readonly path: string; readonly machine: AnyStateMachine }[]): string {
  const rows = machines.map(({ path, machine }) => {
    const states = allStates(toChart(machine)).slice(1);
    return [`[${machine.id}](${machine.id}.md)`, String(states.length), `[${path}](../../${path})`];
  });
  return page(
    'Statecharts',
    'Every state machine of QMesh, drawn from the running code. A dot marks the initial state, a thick frame a final state,',
    'dashes mark states that are active in parallel; arrows are labelled `event [guard] / action`.',
    '',
    ...table(['machine', 'states', 'source'], rows),
  );
}

function machinePage(chart: Chart, path: string): string {
  const states = allStates(chart);
  const label = (state: ChartState): string => (state.id === chart.id ? '(any)' : state.id.slice(chart.id.length + 1));
  const target = (id: string): string => (id === chart.id ? '(restart)' : id.slice(chart.id.length + 1));
  const transitions = states.flatMap((state) =>
    state.transitions.map(({ event, guard, actions, targets }) => [
      label(state),
      code(event),
      code(guard),
      targets.map(target).join(', '),
      actions.map(code).join(', '),
    ]),
  );
  const doing = states
    .filter(({ entry, exit, invokes }) => entry.length + exit.length + invokes.length > 0)
    .map((state) => [
      label(state),
      ...[state.entry, state.exit, state.invokes].map((names) => names.map(code).join(', ')),
    ]);
  return page(
    chart.id,
    ...(chart.root.description === undefined ? [] : [chart.root.description, '']),
    `![Statechart of ${chart.id}](${chart.id}.svg)`,
    '',
    `Source: [${path}](../../${path})`,
    '',
    ...table(['from', 'event', 'guard', 'to', 'actions'], transitions),
    ...(doing.length === 0 ? [] : ['', ...table(['state', 'entry', 'exit', 'invokes'], doing)]),
  );
}

function page(title: string, ...lines: string[]): string {
  return [notice, '', `# ${title}`, '', ...lines, ''].join('\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

function code(text: string | undefined): string {
  return text === undefined ? '' : `\`${text}\``;
}
