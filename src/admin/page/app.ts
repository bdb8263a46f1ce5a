/** What all views of the page look at, and what they are. */
import type { Item, LogLine, WorkerView } from '../wire.js';
import type { Actors, History } from './history.js';

export interface App {
  readonly history: History;
  /** As far as is shown: all items, or as many as the reader went back to. */
  readonly shownItems: readonly Item[];
  readonly actors: Actors;
  readonly view: WorkerView;
  readonly log: readonly LogLine[];
  readonly charts: readonly string[];
  /** What the reader looks for; '' is everything. */
  readonly filter: string;
  /** The part of the address after the view: the name of an actor. */
  readonly chosen: string | undefined;
  setFilter(text: string): void;
}

export interface View {
  /** Everything anew: it was opened, the filter changed, or the reader moved in time. */
  render(app: App): void;
  /** Something happened, and is in `app` by now. */
  happened(app: App, items: readonly Item[]): void;
  /** The worker's own account of itself is a new one. */
  viewed(app: App): void;
}
