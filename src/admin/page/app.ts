/** What the page's views read, and the interface they implement. */
import type { Item, LogLine, WorkerView } from '../wire.js';
import type { Actors, History } from './history.js';

export interface App {
  readonly history: History;
  /** The items shown: all of them, or those up to the point the reader went back to. */
  readonly shownItems: readonly Item[];
  readonly actors: Actors;
  readonly view: WorkerView;
  readonly log: readonly LogLine[];
  readonly charts: readonly string[];
  /** The reader's search text; '' matches everything. */
  readonly filter: string;
  /** The part of the address after the view: an actor's name. */
  readonly chosen: string | undefined;
  setFilter(text: string): void;
}

export interface View {
  /** Renders everything: the view was opened, the filter changed, or the reader moved in time. */
  render(app: App): void;
  /** Something happened; `app` already includes it. */
  happened(app: App, items: readonly Item[]): void;
  /** A new `view` of the worker arrived. */
  viewed(app: App): void;
}
