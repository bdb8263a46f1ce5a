/** `qmesh doctor`: checks everything a node needs, and advises on what is wrong. Exit code 1 if a check fails. */
import { Command } from 'commander';
import { checks, look } from '../doctor/checks.js';
import type { Check, Finding, Status, Subject } from '../doctor/finding.js';
import { exitCode } from '../failure.js';
import { readSettings, withSettings } from '../load-settings.js';
import { withManual } from '../manual.js';
import { paintFor, type Paint } from '../paint.js';
import { printable } from '../printable.js';
import { recommendHere, type Recommendation } from '../recommendation.js';

const flags = [
  'home',
  'models',
  'model',
  'bootstrap',
  'host',
  'slots',
  'threads',
  'context',
  'gpuLayers',
  'validators',
  'threshold',
  'minters',
  'admin',
] as const;

export const doctorCommand = (): Command =>
  withManual(
    withSettings(
      new Command('doctor').description('Check everything a node needs, and say what to do about each problem.'),
      flags,
    )
      .option('--public', 'also ask the public nodes, which then see the address of this machine')
      .option('--json', 'print one JSON object'),
    {
      about: [
        'It changes nothing, and contacts no other machine but the nodes of the mesh you',
        'have set. Give it the flags of a worker to learn how that worker would do.',
        'Exit codes: 0 nothing fails, 1 something does, 2 used wrongly.',
      ],
      examples: [
        ['qmesh doctor', 'this machine as it is set'],
        ['qmesh doctor --model llama --context 8192', 'how it would serve that'],
      ],
      see: ['qmesh config show', 'qmesh models recommend'],
    },
  ).action((options: Record<string, unknown>) => doctor(options));

async function doctor({ json, public: asked, ...options }: Record<string, unknown>): Promise<void> {
  const { values } = readSettings(options);
  let found: Promise<Recommendation> | undefined;
  const subject: Subject = {
    values,
    isPublic: asked === true,
    recommendation: () => (found ??= recommendHere(values)),
  };
  const running = Object.entries<Check>(checks).map(([name, check]) => [name, look(check, subject)] as const);
  const findings: Record<string, Finding> = {};
  for (const [name, finding] of running) {
    findings[name] = await finding;
    if (json !== true) process.stdout.write(`${line(name, findings[name])}\n`);
  }
  const isBad = Object.values(findings).some(({ status }) => status === 'fail');
  if (json === true) process.stdout.write(`${JSON.stringify({ ok: !isBad, findings })}\n`);
  else process.stdout.write(`\n${summary(Object.values(findings))}\n`);
  if (isBad) process.exitCode = exitCode.failed;
}

const statusChars = 4;
const nameChars = Math.max(...Object.keys(checks).map((name) => name.length));
const maxColumns = 100;

function line(name: string, { status, says, advice }: Finding): string {
  const paint = paintFor(process.stdout);
  const colour: Record<Status, (text: string) => string> = {
    ok: paint.good,
    warn: paint.warn,
    fail: paint.bad,
    skip: paint.dim,
  };
  const indent = ' '.repeat(statusChars + 2 + nameChars + 2);
  const width = Math.min(maxColumns, process.stdout.isTTY ? process.stdout.columns : maxColumns) - indent.length;
  const head = `${colour[status](status.padEnd(statusChars))}  ${name.padEnd(nameChars)}  `;
  const lines = [
    ...wrap(says, width),
    ...(advice === undefined ? [] : wrap(`→ ${advice}`, width).map(emphasised(paint))),
  ];
  return lines.map((text, i) => `${i === 0 ? head : indent}${text}`).join('\n');
}

const emphasised =
  ({ bold }: Paint) =>
  (text: string): string =>
    bold(text);

/** Wraps at spaces; a word longer than a line gets its own. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of printable(text).split(/\s+/)) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

function summary(findings: readonly Finding[]): string {
  const count = (status: Status): number => findings.filter((finding) => finding.status === status).length;
  const [bad, doubtful] = [count('fail'), count('warn')];
  if (bad + doubtful === 0) return 'All is well.';
  const parts = [...(bad > 0 ? [`${bad} to mend`] : []), ...(doubtful > 0 ? [`${doubtful} to look at`] : [])];
  return `${parts.join(', ')}; the rest is well.`;
}
