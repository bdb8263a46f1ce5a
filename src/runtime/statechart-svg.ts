/**
 * Renders a laid-out chart as one SVG text: no scripts, fonts or links, readable on light and dark pages.
 *
 * Each state is a `<g data-state="machine.path">` and each arrow a `<g data-from data-to>`: a page that embeds the SVG
 * highlights active states by adding the class `active`.
 */
import { metrics, type Arrow, type Box, type Drawing, type Line, type StateBox } from './statechart-layout.js';

const style = `
.statechart { font-family: ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; font-size: 11px; }
.statechart .page { fill: #ffffff; }
.statechart text { fill: #3b4252; white-space: pre; }
.statechart .name { font-size: 13px; font-weight: bold; fill: #1b2230; }
.statechart .event { fill: #0b57a4; }
.statechart .guard { fill: #9a5b00; }
.statechart .keyword { fill: #7a8499; }
.statechart .state > rect { fill: #5b7db1; fill-opacity: 0.08; stroke: #8a97ad; stroke-width: 1.2; }
.statechart .state.machine > rect { fill-opacity: 0.03; }
.statechart .state.final > rect { stroke-width: 3; }
.statechart .state.parallel > rect { stroke-dasharray: 6 4; }
.statechart .state.active > rect { fill: #1f9d55; fill-opacity: 0.18; stroke: #1f9d55; stroke-width: 2.4; }
.statechart .line { fill: none; stroke: #6b778d; stroke-width: 1.2; }
.statechart .tip, .statechart .initial { fill: #6b778d; }
@media (prefers-color-scheme: dark) {
.statechart .page { fill: #12161d; }
.statechart text { fill: #c3cad8; }
.statechart .name { fill: #f0f3f9; }
.statechart .event { fill: #7db8f5; }
.statechart .guard { fill: #e0ab62; }
.statechart .keyword { fill: #8c97ab; }
.statechart .state > rect { fill: #7f9fd0; fill-opacity: 0.1; stroke: #66738b; }
.statechart .state.active > rect { fill: #34c77b; stroke: #34c77b; }
.statechart .line { stroke: #8591a8; }
.statechart .tip, .statechart .initial { fill: #8591a8; }
}`;

const cornerRadius = 6;
const tipLength = 8;

export function toSvg(drawing: Drawing, title: string): string {
  const width = Math.ceil(drawing.width);
  const height = Math.ceil(drawing.height);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="statechart" role="img" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<title>${escaped(title)}</title>`,
    `<style>${style}\n</style>`,
    `<rect class="page" width="${width}" height="${height}"/>`,
    ...drawing.states.map(stateToSvg),
    ...drawing.initialDots.map(dotToSvg),
    ...drawing.arrows.map(arrowToSvg),
    ...drawing.arrows.map(labelToSvg).filter((label) => label !== ''), // on top of all lines, so none crosses a text
    '</svg>',
    '',
  ].join('\n');
}

function stateToSvg({ state, lines, depth, ...box }: StateBox): string {
  const classes = ['state', state.kind, ...(depth === 0 ? ['machine'] : [])].join(' ');
  const left = box.x + metrics.paddingX;
  const name = `<text class="name" x="${px(left)}" y="${px(box.y + 17)}">${escaped(state.name)}</text>`;
  const text = linesToSvg(lines, left, box.y + metrics.nameHeight);
  return `<g class="${classes}" data-state="${escaped(state.id)}"><rect ${attributes(box)} rx="7"/>${name}${text}</g>`;
}

function dotToSvg(box: Box): string {
  const radius = box.width / 2;
  return `<circle class="initial" cx="${px(box.x + radius)}" cy="${px(box.y + radius)}" r="${px(radius)}"/>`;
}

function arrowToSvg(arrow: Arrow): string {
  const tip = arrow.points.at(-1);
  const before = arrow.points.at(-2);
  if (tip === undefined || before === undefined) return '';
  const length = Math.hypot(tip.x - before.x, tip.y - before.y) || 1;
  const [dx, dy] = [(tip.x - before.x) / length, (tip.y - before.y) / length];
  const [baseX, baseY] = [tip.x - dx * tipLength, tip.y - dy * tipLength];
  const half = tipLength / 2 - 0.5;
  const head = `M${px(tip.x)} ${px(tip.y)}L${px(baseX - dy * half)} ${px(baseY + dx * half)}L${px(baseX + dy * half)} ${px(baseY - dx * half)}Z`;
  const line = `<path class="line" d="${roundedPath(arrow)}"/><path class="tip" d="${head}"/>`;
  return `<g class="arrow" data-from="${escaped(arrow.from)}" data-to="${escaped(arrow.to)}">${line}</g>`;
}

function labelToSvg({ label, lines }: Arrow): string {
  if (label === undefined) return '';
  return linesToSvg(lines, label.x + metrics.labelPaddingX, label.y + metrics.labelPaddingY);
}

/** Straight lines with corners rounded as far as the shorter of the two legs allows. */
function roundedPath({ points }: Arrow): string {
  return points
    .map((point, index) => {
      const [before, after] = [points[index - 1], points[index + 1]];
      if (before === undefined) return `M${px(point.x)} ${px(point.y)}`;
      if (after === undefined) return `L${px(point.x)} ${px(point.y)}`;
      const towards = (other: { x: number; y: number }): string => {
        const length = Math.hypot(other.x - point.x, other.y - point.y) || 1;
        const share = Math.min(cornerRadius, length / 2) / length;
        return `${px(point.x + (other.x - point.x) * share)} ${px(point.y + (other.y - point.y) * share)}`;
      };
      return `L${towards(before)}Q${px(point.x)} ${px(point.y)} ${towards(after)}`;
    })
    .join('');
}

function linesToSvg(lines: readonly Line[], x: number, top: number): string {
  return lines
    .map((line, index) => {
      const pieces = line.map(({ kind, text }) => `<tspan class="${kind}">${escaped(text)}</tspan>`).join('');
      return `<text xml:space="preserve" x="${px(x)}" y="${px(top + index * metrics.lineHeight + 11)}">${pieces}</text>`;
    })
    .join('');
}

function attributes({ x, y, width, height }: Box): string {
  return `x="${px(x)}" y="${px(y)}" width="${px(width)}" height="${px(height)}"`;
}

/** A tenth of a pixel is finer than anyone can see, and keeps the files and their diffs small. */
function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (char) => entities[char] ?? char);
}
