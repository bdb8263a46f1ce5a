/** `qmesh inspect`: follows the actors of a running worker, through the event stream of its admin page. */
import { Command } from 'commander';
import type { Happened, Hello, Item } from '../../admin/wire.js';
import { CommandError } from '../failure.js';
import { sentEvents } from '../inspect/event-stream.js';
import { isWanted, lineOf, type Wanted } from '../inspect/lines.js';
import { withManual } from '../manual.js';
import { tellWorker, type OwnerOptions } from '../owner/worker-here.js';
import { withSettings } from '../load-settings.js';
import { paintFor } from '../paint.js';

type Options = OwnerOptions & Wanted;

export const inspectCommand = (): Command =>
  withManual(
    withSettings(
      new Command('inspect').description('Follow what the actors of the worker on this machine are doing.'),
      ['home'],
    )
      .option('--actor <text>', 'only actors whose name contains this, such as slot or peer.0')
      .option('--request <id>', 'only what concerns this request')
      .option('--json', 'print one JSON object per line'),
    {
      about: [
        'Messages, transitions, failures and the log, as they happen, until Ctrl-C.',
        'It comes from the admin server, whose page draws the same. It costs a worker',
        'nothing while no one is looking.',
      ],
      examples: [
        ['qmesh inspect', 'everything'],
        ['qmesh inspect --actor slot', 'what the slots do'],
        ['qmesh inspect --json | jq -c "select(.kind == \\"failed\\")"', 'failures alone'],
      ],
      see: ['docs/debugging.md', 'qmesh top'],
    },
  ).action((options: Options) => inspect(options));

async function inspect({ actor, request, ...options }: Options): Promise<void> {
  const { admin } = await tellWorker(options, { do: 'status' });
  if (admin === null)
    throw new CommandError(
      'this worker cannot be inspected',
      'It runs without an admin server (QMESH_ADMIN=off), or its address is taken.',
      'Start it without QMESH_ADMIN=off; or see its messages on stderr with: qmesh worker --inspect',
      { code: 'no_admin' },
    );
  const leave = new AbortController();
  process.once('SIGINT', () => leave.abort()).once('SIGTERM', () => leave.abort());
  process.stdout.once('error', () => leave.abort()); // the reader is gone
  try {
    await follow(admin, { actor, request }, options.json === true, leave.signal);
  } catch (error) {
    if (leave.signal.aborted) return;
    throw new CommandError('the worker tells no more', (error as Error).message, 'See whether it runs: qmesh status', {
      code: 'unreachable',
    });
  }
}

async function follow(admin: string, wanted: Wanted, json: boolean, signal: AbortSignal): Promise<void> {
  const base = /^https?:/.test(admin) ? admin : `http://${admin}`;
  const response = await fetch(new URL('/events', base), { signal });
  if (!response.ok || response.body === null) throw new Error((await response.text()).trim());
  const paint = paintFor(process.stdout);
  const say = (item: Item): void => {
    if (isWanted(item, wanted)) process.stdout.write(`${json ? JSON.stringify(item) : lineOf(item, paint)}\n`);
  };
  for await (const { name, data } of sentEvents(response.body.pipeThrough(new TextDecoderStream()))) {
    if (name === 'hello' && !json) {
      const { actors, view } = JSON.parse(data) as Hello;
      process.stderr.write(
        paint.dim(`${actors.length} actors of worker ${view.workerId.slice(0, 8)}. Ctrl-C leaves.\n`),
      );
    }
    if (name !== 'happened') continue;
    const { items, lost } = JSON.parse(data) as Happened;
    items.forEach(say);
    if (lost > 0 && !json) process.stderr.write(paint.warn(`${lost} left out: they were too many.\n`));
  }
  throw new Error('It closed the connection.');
}
