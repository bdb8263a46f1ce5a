/**
 * Mean response and 99th-percentile wait over the load, as an SVG without scripts or fonts, readable on light and dark
 * pages.
 */

/** @typedef {{ load: number, result: import('../report.js').BenchResult }} Point */

/** @typedef {{ metric: string, title: string, unit: string, most: number, step: number, baseline?: string }} Panel */

const width = 1000;
const height = 430;
const plot = { top: 64, height: 280, width: 400 };
const lefts = [70, 570];

/** What the curves are called, and their colours: told apart without colour by their dashes. */
const curves = [
  { contender: 'qmesh', dash: '', width: 3 },
  { contender: 'qmesh, never moving', dash: '2 4', width: 2 },
  { contender: 'least queue', dash: '8 4', width: 2 },
  { contender: 'random', note: ' (beyond these scales)', dash: '10 4 2 4', width: 2 },
];

/** @type {Panel[]} */
const panels = [
  {
    metric: 'meanResponse',
    title: 'mean response, as a multiple of the ideal',
    unit: '×',
    most: 2,
    step: 0.2,
    baseline: 'ideal',
  },
  { metric: 'p99Wait', title: 'wait that 1 in 100 requests exceeds', unit: ' s', most: 40, step: 5 },
];

const style = `
.scale { font-family: system-ui, sans-serif; font-size: 13px; }
.scale .page { fill: #ffffff; } .scale text { fill: #3b4252; } .scale .title { font-size: 15px; font-weight: 600; }
.scale .grid { stroke: #d8dee9; } .scale .curve { fill: none; }
.scale .c0 { stroke: #0b57a4; } .scale .c1 { stroke: #4f9bd9; } .scale .c2 { stroke: #b4540a; } .scale .c3 { stroke: #7a8499; }
@media (prefers-color-scheme: dark) {
.scale .page { fill: #12161d; } .scale text { fill: #c3cad8; } .scale .grid { stroke: #2c3442; }
.scale .c0 { stroke: #7db8f5; } .scale .c1 { stroke: #4a86bd; } .scale .c2 { stroke: #e0ab62; } .scale .c3 { stroke: #8c97ab; }
}`;

/** @param {readonly Point[]} points */
export function toPlot(points) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="scale" role="img" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    '<title>Choosing among 1,000 workers of mixed speed, each client seeing 32</title>',
    `<style>${style}\n</style>`,
    `<rect class="page" width="${width}" height="${height}"/>`,
    ...panels.map((panel, index) => drawn(panel, lefts[index] ?? 0, points)),
    ...legend(),
    '</svg>',
    '',
  ].join('\n');
}

/** @param {Panel} panel @param {number} left @param {readonly Point[]} points */
function drawn({ metric, title, unit, most, step, baseline }, left, points) {
  const loads = points.map(({ load }) => load);
  const [first, last] = [Math.min(...loads), Math.max(...loads)];
  const least = baseline === undefined ? 0 : 1;
  /** @param {number} load */
  const x = (load) => px(left + (plot.width * (load - first)) / (last - first));
  /** @param {number} value */
  const y = (value) => px(plot.top + plot.height * (1 - (value - least) / (most - least)));
  const ticks = Array.from({ length: Math.round((most - least) / step) + 1 }, (_, tick) => least + tick * step);
  const lines = ticks.flatMap((tick) => [
    `<line class="grid" x1="${left}" x2="${left + plot.width}" y1="${y(tick)}" y2="${y(tick)}"/>`,
    `<text x="${left - 8}" y="${y(tick) + 4}" text-anchor="end">${Number(tick.toFixed(2))}${unit}</text>`,
  ]);
  const under = plot.top + plot.height;
  const marks = loads.map(
    (load) => `<text x="${x(load)}" y="${under + 20}" text-anchor="middle">${100 * load} %</text>`,
  );
  const paths = curves.map(({ contender, dash, width: thickness }, index) => {
    const values = points.map(({ load, result }) => ({ load, value: valueOf(result, metric, contender, baseline) }));
    const line = values.map(({ load, value }) => `${x(load)},${y(value)}`).join(' ');
    return `<polyline class="curve c${index}" stroke-width="${thickness}" stroke-dasharray="${dash}" points="${line}"/>`;
  });
  return [
    `<text class="title" x="${left}" y="${plot.top - 24}">${title}</text>`,
    `<clipPath id="${metric}"><rect x="${left}" y="${plot.top}" width="${plot.width}" height="${plot.height}"/></clipPath>`,
    ...lines,
    ...marks,
    `<text x="${left + plot.width / 2}" y="${under + 40}" text-anchor="middle">load: share of what all slots can compute</text>`,
    `<g clip-path="url(#${metric})">${paths.join('')}</g>`,
  ].join('\n');
}

/** @param {import('../report.js').BenchResult} result @param {string} metric @param {string} contender @param {string} [baseline] */
function valueOf({ figures }, metric, contender, baseline) {
  /** @param {string} who */
  const of = (who) => figures.find((each) => each.metric === metric && each.contender === who)?.summary.median ?? NaN;
  return baseline === undefined ? of(contender) : of(contender) / of(baseline);
}

function legend() {
  const y = height - 18;
  return curves.map(({ contender, note = '', dash, width: thickness }, index) => {
    const left = (lefts[0] ?? 0) + 210 * index;
    return `<line class="c${index}" stroke-width="${thickness}" stroke-dasharray="${dash}" x1="${left}" x2="${left + 40}" y1="${y - 4}" y2="${y - 4}"/><text x="${left + 48}" y="${y}">${contender}${note}</text>`;
  });
}

/** @param {number} value */
const px = (value) => Math.round(value * 10) / 10;
