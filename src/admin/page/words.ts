/** Formats numbers, times and states for people. */
import type { Actor } from './history.js';

const count = new Intl.NumberFormat('en');

export const number = (value: number): string => count.format(value);

export function duration(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

export function bytes(value: number): string {
  if (value < 1e6) return `${number(Math.round(value / 1e3))} kB`;
  return value < 1e9 ? `${number(Math.round(value / 1e6))} MB` : `${(value / 1e9).toFixed(1)} GB`;
}

/** `14:03:22.107`, in the reader's time zone. */
export const time = (atMs: number): string =>
  `${new Date(atMs).toLocaleTimeString('en-GB')}.${String(Math.floor(atMs) % 1_000).padStart(3, '0')}`;

/** Without the machine's name: `busy.decoding`. */
export const stateText = ({ status, states }: Pick<Actor, 'status' | 'states'>): string =>
  status === 'active'
    ? states.map((state) => state.slice(state.indexOf('.') + 1)).join(', ') || 'running'
    : statusWords[status];

/** Shortened for a glance: `decoding` from `busy.decoding.heard`. */
export const mainState = (state: string): string => state.split('.').slice(0, 2).at(-1) ?? state;

export const times = (count: number): string => (count === 1 ? 'once' : `${number(count)} times`);

const statusWords: Readonly<Record<Exclude<Actor['status'], 'active'>, string>> = {
  done: 'ended',
  stopped: 'stopped',
  error: 'failed',
  waiting: 'crashed, restarting',
  down: 'down',
  gone: 'gone',
};

/** Describes an actor that has crashed and is not back yet. */
export function crashOf(actors: Iterable<Actor>): string | undefined {
  for (const { name, machine, status, states, failures } of actors) {
    if (status === 'waiting') return `${name} crashed and is restarting`;
    if (machine !== 'engine' || failures === undefined) continue;
    const state = stateText({ status, states });
    if (/^(crashed|running\.(starting|loading|proving))/.test(state)) return `${name} crashed and is restarting`;
    if (state === 'quarantined') return `${name} crashed too often and was given up`;
  }
  return undefined;
}

/** The colour of the actor's dot. */
export function mood({
  status,
  states,
}: Pick<Actor, 'status' | 'states'>): 'good' | 'working' | 'bad' | 'off' | 'over' {
  if (status === 'waiting' || status === 'error') return 'bad';
  if (status !== 'active') return 'over';
  const text = states.join(' ');
  if (/crash|fault|wedged|quarantin|refused|failed|backingOff|overload/.test(text)) return 'bad';
  if (/offline|off_?[dD]uty|offSchedule|paused/.test(text)) return 'off';
  return /busy|running\.(starting|loading)|prefill|decod|accepting|computing|draining|lined|opening|joining|locating|verifying|trying/.test(
    text,
  )
    ? 'working'
    : 'good';
}

/** The last part of a name that repeats its parent's (`engine.0/process`). */
export const endOf = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

/** Request ids are long. */
export const short = (id: string): string => (id.length > 12 ? `${id.slice(0, 8)}…` : id);
