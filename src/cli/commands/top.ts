/** `qmesh top`: this home's worker and the mesh around it, live in a terminal, once, or as JSON. */
import { Command } from 'commander';
import { createLogUpdate } from 'log-update';
import { systemClock } from '../../runtime/clock.js';
import { readSettings, withSettings } from '../load-settings.js';
import { withManual } from '../manual.js';
import { paintFor } from '../paint.js';
import { clientSettings, joinAsClient, number } from '../request-flags.js';
import { fittedTo, topPage } from '../top/page.js';
import { takeSnapshot, type TopSnapshot, type TopSources } from '../top/snapshot.js';

interface Options extends Readonly<Record<string, unknown>> {
  readonly once?: boolean;
  readonly json?: boolean;
  readonly every: number;
}

/** Within about this time workers are found and report their status. */
const firstSightMs = 2_000;
const lookEveryMs = 50;
/** After the first worker, how long to wait for the others. */
const settleMs = 300;
const maxSpeeds = 60;
const usualColumns = 80;
/** Rows below the page: a gap, how to leave, and the cursor. */
const footRows = 3;
const screen = { enter: '\x1b[?1049h', leave: '\x1b[?1049l' } as const;

export const topCommand = (): Command =>
  withManual(
    withSettings(
      new Command('top').description('Watch the worker on this machine, and the mesh around it.'),
      clientSettings,
    )
      .option('--once', 'print once, and end')
      .option('--every <seconds>', 'how often to refresh', number({ min: 0.2 }), 1)
      .option('--json', 'print one JSON object per refresh')
      .option('--public', 'watch the public mesh, whose workers then see this program'),
    {
      about: ['q leaves. In a pipe it prints once.'],
      examples: [
        ['qmesh top', 'live'],
        ['qmesh top --once', 'as it is now'],
        ['qmesh top --json --every 10 >> mesh.jsonl', 'for programs, every 10 s until it is ended'],
      ],
      see: ['qmesh status', 'qmesh inspect'],
    },
  ).action((options: Options) => top(options));

async function top(options: Options): Promise<void> {
  const { values } = readSettings(options);
  const client = await joinAsClient(values, { isLocal: false });
  const sources: TopSources = { home: values.home, client, clock: systemClock };
  try {
    await firstSight(sources);
    if (options.json === true) await inJson(sources, options);
    else if (options.once === true || !process.stdout.isTTY) await once(sources);
    else await live(sources, options.every);
  } finally {
    await client.close();
  }
}

async function firstSight({ client, clock }: TopSources): Promise<void> {
  const untilMs = clock.monotonicMs() + firstSightMs;
  while (client.workers().length === 0 && clock.monotonicMs() < untilMs) await pause(lookEveryMs);
  await pause(settleMs);
}

async function once(sources: TopSources): Promise<void> {
  const { stdout } = process;
  const columns = stdout.isTTY ? stdout.columns : usualColumns;
  const page = topPage({ snapshot: await takeSnapshot(sources), speeds: [], paint: paintFor(stdout), columns });
  stdout.write(`${page}\n`);
}

/** Runs until stopped, or until the reader is gone. */
async function inJson(sources: TopSources, { once: isOnce = false, every }: Options): Promise<void> {
  let isOver = isOnce;
  const end = (): void => void (isOver = true);
  process.once('SIGINT', end).once('SIGTERM', end);
  process.stdout.on('error', end); // one for each line still being written
  for (;;) {
    process.stdout.write(`${JSON.stringify(await takeSnapshot(sources))}\n`);
    if (isOver) return;
    await pause(every * 1_000);
  }
}

async function live(sources: TopSources, everySeconds: number): Promise<void> {
  const { stdin, stdout } = process;
  const update = createLogUpdate(stdout);
  const paint = paintFor(stdout);
  const leave = untilLeft(stdin);
  let last: TopSnapshot | undefined;
  let speeds: readonly number[] = [];
  const draw = (): void => {
    if (last === undefined) return;
    const page = topPage({ snapshot: last, speeds, paint, columns: stdout.columns });
    update(`${fittedTo({ columns: stdout.columns, rows: stdout.rows - footRows }, page)}\n\n${paint.dim('q leaves')}`);
  };
  stdout.write(screen.enter);
  stdout.on('resize', draw);
  try {
    while (!leave.isLeft) {
      last = await takeSnapshot(sources);
      speeds = [...speeds, last.here?.performance.tokensPerSecond ?? 0].slice(-maxSpeeds);
      draw();
      await Promise.race([pause(everySeconds * 1_000), leave.left]);
    }
  } finally {
    stdout.off('resize', draw);
    update.clear();
    update.done();
    stdout.write(screen.leave);
    leave.end();
  }
}

/** Waits for q, Escape or Ctrl-C. */
function untilLeft(input: NodeJS.ReadStream): { readonly isLeft: boolean; readonly left: Promise<void>; end(): void } {
  let isLeft = false;
  let onData: (data: Buffer) => void = () => {};
  const left = new Promise<void>((resolve) => {
    const go = (): void => {
      isLeft = true;
      resolve();
    };
    onData = (data) => {
      if (['q', 'Q', '\x03', '\x1b'].includes(data.toString('utf8'))) go();
    };
    process.once('SIGINT', go).once('SIGTERM', go);
  });
  if (input.isTTY) input.setRawMode(true);
  input.on('data', onData).resume();
  const end = (): void => {
    input.off('data', onData).pause();
    if (input.isTTY) input.setRawMode(false);
  };
  return {
    get isLeft() {
      return isLeft;
    },
    left,
    end,
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void systemClock.setTimeout(resolve, ms));
