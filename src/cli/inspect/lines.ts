/** What happens in a worker, one line per event, in the format of QMESH_INSPECT. Pure. */
import type { ActorSight, Item } from '../../admin/wire.js';
import type { Paint } from '../paint.js';
import { printable } from '../printable.js';

export interface Wanted {
  /** Only actors whose name contains this. */
  readonly actor?: string | undefined;
  /** Only what concerns this request. */
  readonly request?: string | undefined;
}

export const isWanted = (item: Item, { actor = '', request }: Wanted): boolean =>
  namesIn(item).some((name) => name.includes(actor)) &&
  (request === undefined || ('request' in item && item.request === request));

export function lineOf(item: Item, { dim, bold, bad, good }: Paint): string {
  const at = dim(new Date(item.atMs).toISOString().slice(11, 23));
  const text = (what: string): string => `${at} ${what}`;
  switch (item.kind) {
    case 'message': {
      const about = item.about === undefined || item.about === '' ? '' : dim(`  ${printable(item.about)}`);
      return text(`${bold(item.to)} ← ${item.from ?? '·'} ${printable(item.type)}${about}`);
    }
    case 'moved':
      return text(`${bold(item.actor.name)} is ${statesOf(item.actor)}`);
    case 'started':
      return text(`${good('+')} ${bold(item.actor.name)} ${dim(statesOf(item.actor))}`);
    case 'gone':
      return text(`${dim('-')} ${item.name}`);
    case 'failed': {
      const then = item.restartInMs === null ? 'stays down' : `starts again in ${item.restartInMs} ms`;
      return text(`${bad('!')} ${bold(item.name)} failed: ${printable(item.reason)}; ${then}`);
    }
    case 'logged': {
      const fields = Object.entries(item.line.fields).map(([name, value]) => `${name}=${value}`);
      return text(dim(printable(`log ${item.line.event} ${fields.join(' ')}`)));
    }
  }
}

/** Without the chart's name, which repeats the actor's. */
const statesOf = ({ states, status }: ActorSight): string =>
  states.length === 0 ? status : states.map((state) => state.replace(/^[^.]*\./, '')).join(', ');

function namesIn(item: Item): readonly string[] {
  switch (item.kind) {
    case 'message':
      return [item.to, item.from ?? ''];
    case 'moved':
    case 'started':
      return [item.actor.name];
    case 'gone':
    case 'failed':
      return [item.name];
    case 'logged':
      return [''];
  }
}
