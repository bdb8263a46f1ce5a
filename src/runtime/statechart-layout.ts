/**
 * Lays out a statechart: states as nested boxes, transitions as routed lines with labels. ELK (elkjs) computes it
 * offline and deterministically. The font is monospaced, so text widths are known without a browser. ELK is passed in,
 * because drawing is for documentation and pages, and the worker should not load it.
 */
import type { ELK, ElkExtendedEdge, ElkNode, ElkPoint, LayoutOptions } from 'elkjs';
import { allStates, type Chart, type ChartState, type ChartTransition } from './statechart.js';

/** Pixels. A monospaced glyph is 0.6 em wide, or a little more in some faces. */
export const metrics = {
  charWidth: 6.7,
  nameCharWidth: 8.2,
  lineHeight: 15,
  nameHeight: 25,
  paddingX: 11,
  paddingBottom: 8,
  labelPaddingX: 4,
  labelPaddingY: 2,
  initialDot: 10,
} as const;

const maxLineChars = 44;
const initialSuffix = '$initial';

export type TextKind = 'event' | 'guard' | 'action' | 'keyword';

/** One line of text in differently styled pieces. */
export type Line = readonly { readonly kind: TextKind; readonly text: string }[];

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface StateBox extends Box {
  readonly state: ChartState;
  readonly lines: readonly Line[];
  /** 0 for the machine, 1 for its states, and so on. */
  readonly depth: number;
}

interface Connection {
  /** Id of a state, or of the dot before an initial state. */
  readonly from: string;
  readonly to: string;
  readonly lines: readonly Line[];
  readonly backwards: boolean;
}

export interface Arrow extends Connection {
  readonly points: readonly ElkPoint[];
  /** Undefined if the arrow has no text. */
  readonly label: Box | undefined;
}

export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly states: readonly StateBox[];
  readonly initialDots: readonly Box[];
  readonly arrows: readonly Arrow[];
}

const layoutOptions: LayoutOptions = {
  'elk.algorithm': 'layered',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.json.shapeCoords': 'ROOT',
  'elk.json.edgeCoords': 'ROOT',
  'elk.randomSeed': '1',
  'elk.layered.edgeLabels.sideSelection': 'ALWAYS_DOWN',
  'elk.spacing.nodeNode': '24',
  'elk.spacing.edgeNode': '16',
  'elk.spacing.edgeEdge': '14',
  'elk.spacing.labelNode': '8',
  'elk.spacing.nodeSelfLoop': '16',
  'elk.layered.spacing.nodeNodeBetweenLayers': '28',
  'elk.layered.spacing.edgeNodeBetweenLayers': '16',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '14',
  'elk.layered.thoroughness': '20',
  'elk.padding': '[top=12,left=12,bottom=12,right=12]',
};

/** Width over height that suits a page. */
const wantedAspect = 1.5;

/** Lays the chart out both downwards and rightwards, and keeps what fits a page better. */
export async function layOut(chart: Chart, elk: ELK): Promise<Drawing> {
  const misfit = ({ width, height }: Drawing): number =>
    Math.abs(Math.log(width / height / wantedAspect)) + Math.max(0, width - 1400) / 400;
  const down = await layOutTowards('DOWN', chart, elk);
  const right = await layOutTowards('RIGHT', chart, elk);
  return misfit(down) <= misfit(right) ? down : right;
}

type Direction = 'DOWN' | 'RIGHT';

async function layOutTowards(direction: Direction, chart: Chart, elk: ELK): Promise<Drawing> {
  const boxes = new Map<string, Omit<StateBox, keyof Box>>();
  const root = toElkNode(chart.root, 0, direction, boxes);
  const connections = connectionsOf(chart);
  const graph: ElkNode = {
    id: '$',
    layoutOptions: { ...layoutOptions, 'elk.direction': direction },
    children: [root],
    edges: connections.map(toElkEdge),
  };
  const placed = await elk.layout(graph);
  const nodes = below(placed);
  const edges = new Map(nodes.flatMap((node) => node.edges ?? []).map((edge) => [edge.id, edge]));
  return {
    width: placed.width ?? 0,
    height: placed.height ?? 0,
    states: nodes.flatMap((node) => {
      const box = boxes.get(node.id);
      return box === undefined ? [] : [{ ...box, ...boxOf(node) }];
    }),
    initialDots: nodes.filter((node) => node.id.endsWith(initialSuffix)).map(boxOf),
    arrows: connections.flatMap((connection) => {
      const edge = edges.get(edgeId(connection));
      return edge === undefined
        ? []
        : [{ ...connection, points: pointsOf(edge, connection), label: edge.labels?.map(boxOf)[0] }];
    }),
  };
}

function toElkNode(
  state: ChartState,
  depth: number,
  direction: Direction,
  boxes: Map<string, Omit<StateBox, keyof Box>>,
): ElkNode {
  const lines = linesOfState(state);
  boxes.set(state.id, { state, lines, depth });
  const width = Math.max(state.name.length * metrics.nameCharWidth, widthOf(lines)) + 2 * metrics.paddingX;
  const height =
    metrics.nameHeight + lines.length * metrics.lineHeight + (lines.length > 0 ? metrics.paddingBottom : 2);
  if (state.states.length === 0) return { id: state.id, width, height };
  const children = state.states.map((child) => toElkNode(child, depth + 1, direction, boxes));
  if (state.initial !== undefined) {
    children.unshift({
      id: `${state.id}${initialSuffix}`,
      width: metrics.initialDot,
      height: metrics.initialDot,
      layoutOptions: { 'elk.layered.layering.layerConstraint': 'FIRST' },
    });
  }
  return {
    id: state.id,
    children,
    layoutOptions: {
      ...layoutOptions, // nested graphs do not inherit them
      'elk.padding': `[top=${height + 14},left=18,bottom=18,right=18]`,
      'elk.nodeSize.constraints': 'MINIMUM_SIZE',
      // ELK rotates the graph for DOWN but not this size of a nested one, so it is passed rotated
      'elk.nodeSize.minimum': direction === 'DOWN' ? `(${height},${width})` : `(${width},${height})`,
    },
  };
}

/** One arrow for all transitions between the same two states, with their labels stacked on it. */
function connectionsOf(chart: Chart): Connection[] {
  const states = allStates(chart);
  const order = new Map(states.map((state, index) => [state.id, index]));
  return states.flatMap((state) => {
    const leaving = state.transitions.filter((transition) => !staysInside(state, transition));
    const goals = [...new Set(leaving.flatMap((transition) => transition.targets))];
    const start =
      state.initial === undefined
        ? []
        : [{ from: `${state.id}${initialSuffix}`, to: state.initial, lines: [], backwards: false }];
    return [
      ...start,
      ...goals.map((to) => ({
        from: state.id,
        to,
        lines: leaving
          .filter(({ targets }) => targets.includes(to))
          .flatMap((transition) => linesOfTransition(transition)),
        backwards: (order.get(to) ?? 0) < (order.get(state.id) ?? 0),
      })),
    ];
  });
}

/**
 * States appear on the page in the order of the source: an arrow back to an earlier state is given to ELK reversed, and
 * reversed again when drawn. (ELK's own option for this fails on nested graphs.)
 */
function toElkEdge(connection: Connection): ElkExtendedEdge {
  const { from, to, lines, backwards } = connection;
  const width = widthOf(lines) + 2 * metrics.labelPaddingX;
  const height = lines.length * metrics.lineHeight + 2 * metrics.labelPaddingY;
  const id = edgeId(connection);
  return {
    id,
    sources: [backwards ? to : from],
    targets: [backwards ? from : to],
    ...(lines.length > 0 ? { labels: [{ text: id, width, height }] } : {}),
  };
}

function edgeId({ from, to }: Connection): string {
  return `${from} > ${to}`;
}

function linesOfState(state: ChartState): Line[] {
  return [
    ...wrapped('entry / ', state.entry),
    ...wrapped('exit / ', state.exit),
    ...wrapped('runs ', state.invokes),
    ...state.transitions
      .filter((transition) => staysInside(state, transition))
      .flatMap((transition) => linesOfTransition(transition, transition.targets)),
  ];
}

/**
 * Written into the state's box instead of drawn: no target, or one inside, where an arrow would cross the box's text.
 */
function staysInside(state: ChartState, { targets }: ChartTransition): boolean {
  return targets.every((target) => target.startsWith(`${state.id}.`));
}

function linesOfTransition({ event, guard, actions }: ChartTransition, targets: readonly string[] = []): Line[] {
  const goal = targets.map((target) => ` → ${target.slice(target.lastIndexOf('.') + 1)}`).join('');
  const head: Line =
    goal === ''
      ? [{ kind: 'event', text: event }]
      : [
          { kind: 'event', text: event },
          { kind: 'action', text: goal },
        ];
  const guarded: Line = guard === undefined ? head : [...head, { kind: 'guard', text: ` [${guard}]` }];
  const broken = lengthOf(guarded) > maxLineChars && guard !== undefined;
  const lines: Line[] = broken ? [head, [{ kind: 'guard', text: `  [${guard}]` }]] : [guarded];
  if (actions.length === 0) return lines;
  const last = lines.at(-1) ?? [];
  const tail = ` / ${actions.join(', ')}`;
  if (lengthOf(last) + tail.length <= maxLineChars)
    return [...lines.slice(0, -1), [...last, { kind: 'action', text: tail }]];
  return [...lines, ...wrapped('  / ', actions, 'action')];
}

/** `lead a, b, c` over as many lines as needed; continuation lines are indented to the first name. */
function wrapped(lead: string, names: readonly string[], leadKind: TextKind = 'keyword'): Line[] {
  const lines: { kind: TextKind; text: string }[][] = [];
  for (const [index, name] of names.entries()) {
    const text = index < names.length - 1 ? `${name}, ` : name;
    const line = lines.at(-1);
    if (line !== undefined && lengthOf(line) + text.length <= maxLineChars) line.push({ kind: 'action', text });
    else
      lines.push([
        { kind: leadKind, text: index === 0 ? lead : ' '.repeat(lead.length) },
        { kind: 'action', text },
      ]);
  }
  return lines;
}

function lengthOf(line: Line): number {
  return line.reduce((sum, piece) => sum + piece.text.length, 0);
}

function widthOf(lines: readonly Line[]): number {
  return Math.max(0, ...lines.map((line) => lengthOf(line) * metrics.charWidth));
}

function below(node: ElkNode): ElkNode[] {
  return [node, ...(node.children ?? []).flatMap(below)];
}

function boxOf({
  x = 0,
  y = 0,
  width = 0,
  height = 0,
}: {
  x?: number;
  y?: number;
  width?: number;
  height?: number;
}): Box {
  return { x, y, width, height };
}

function pointsOf(edge: ElkExtendedEdge, { backwards }: Connection): ElkPoint[] {
  const points = (edge.sections ?? []).flatMap(({ startPoint, bendPoints, endPoint }) => [
    startPoint,
    ...(bendPoints ?? []),
    endPoint,
  ]);
  return backwards ? points.reverse() : points;
}
