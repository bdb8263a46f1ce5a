/**
 * The worker's page: receives events as server-sent events and shows them in four views. It can be paused, moved back
 * in time, and saved. A saved page starts here as well, with its data in the document.
 */
import type { Happened, Hello, Item, LogLine, WorkerView } from '../wire.js';
import type { App, View } from './app.js';
import { provideDrawings } from './chart.js';
import { ChartsView } from './charts-view.js';
import { apply, History, type Actors } from './history.js';
import { LogView } from './log-view.js';
import { element } from './markup.js';
import { Overview } from './overview.js';
import { save, savedHere, type Saved } from './save.js';
import { Sequence } from './sequence.js';
import { crashOf, duration, time } from './words.js';

const maxLogLines = 500;

class Page implements App {
  history: History;
  actors: Actors;
  view: WorkerView;
  log: LogLine[];
  charts: readonly string[];
  filter = '';
  chosen: string | undefined;
  /** Number of items shown while the page is paused. */
  #stoppedAt: number | undefined;
  #lost = 0;
  readonly #views: Readonly<Record<string, View>>;
  #shown = 'overview';

  constructor(begin: { history: History; view: WorkerView; log: readonly LogLine[]; charts: readonly string[] }) {
    this.history = begin.history;
    this.actors = begin.history.at();
    this.view = begin.view;
    this.log = [...begin.log];
    this.charts = begin.charts;
    this.#views = {
      overview: new Overview(section('overview')),
      charts: new ChartsView(section('charts')),
      messages: new Sequence(section('messages')),
      log: new LogView(section('log')),
    };
    this.#listen();
    this.#route();
  }

  get shownItems(): readonly Item[] {
    return this.#stoppedAt === undefined ? this.history.items : this.history.items.slice(0, this.#stoppedAt);
  }

  setFilter(text: string): void {
    this.filter = text;
    element('#filter', HTMLInputElement).value = text;
    this.#current.render(this);
  }

  begin({ view, log, charts, ...hello }: Hello): void {
    this.history = History.from({ view, log, charts, ...hello });
    this.view = view;
    this.log = [...log];
    this.charts = charts;
    this.stop(undefined);
  }

  happen({ items, lost }: Happened): void {
    const dropped = this.history.dropped;
    this.history.add(items);
    this.#lost += lost;
    for (const item of items) if (item.kind === 'logged') this.log.push(item.line);
    this.log.splice(0, this.log.length - maxLogLines);
    if (this.#stoppedAt === undefined) {
      for (const item of items) apply(this.actors, item);
      this.#current.happened(this, items);
    } else this.stop(Math.max(0, this.#stoppedAt - (this.history.dropped - dropped)), false);
    this.#sayState();
  }

  look(view: WorkerView): void {
    this.view = view;
    if (this.#stoppedAt === undefined) this.#current.viewed(this);
    this.#sayState();
  }

  /** Pauses after this many items; undefined resumes. */
  stop(at: number | undefined, isNew = true): void {
    this.#stoppedAt = at;
    const slider = element('#moment', HTMLInputElement);
    slider.max = String(this.history.items.length);
    slider.value = String(at ?? this.history.items.length);
    element('#timeline', HTMLElement).hidden = at === undefined;
    const button = element('#pause', HTMLButtonElement);
    button.setAttribute('aria-pressed', String(at !== undefined));
    button.textContent = at === undefined ? 'Pause view' : 'Resume view';
    const item = this.history.items[Math.max(0, (at ?? 0) - 1)];
    element('#moment-time', HTMLOutputElement).value = item === undefined ? '' : time(item.atMs);
    if (!isNew) return;
    this.actors = this.history.at(at);
    this.#current.render(this);
  }

  saved(): Saved {
    return { ...this.history.recording, view: this.view, log: this.log, savedAtMs: Date.now() };
  }

  get #current(): View {
    const view = this.#views[this.#shown];
    if (view === undefined) throw new Error(`there is no view ${this.#shown}`);
    return view;
  }

  #listen(): void {
    addEventListener('hashchange', () => this.#route());
    element('.skip', HTMLAnchorElement).addEventListener('click', (event) => {
      event.preventDefault(); // the hash selects a view
      element('#main', HTMLElement).focus();
    });
    const filter = element('#filter', HTMLInputElement);
    filter.addEventListener('input', () => this.setFilter(filter.value));
    element('#pause', HTMLButtonElement).addEventListener('click', () =>
      this.stop(this.#stoppedAt === undefined ? this.history.items.length : undefined),
    );
    const slider = element('#moment', HTMLInputElement);
    slider.addEventListener('input', () => this.stop(Number(slider.value)));
    document.addEventListener('click', ({ target }) => {
      const wanted =
        target instanceof Element ? target.closest<HTMLElement>('[data-filter]')?.dataset.filter : undefined;
      if (wanted === undefined) return;
      location.hash = '#messages';
      this.setFilter(wanted);
    });
  }

  #route(): void {
    const [name = '', ...rest] = decodeURIComponent(location.hash.slice(1)).split('/');
    this.#shown = name in this.#views ? name : 'overview';
    this.chosen = rest.length === 0 ? undefined : rest.join('/');
    for (const view of Object.keys(this.#views)) {
      section(view).hidden = view !== this.#shown;
      const link = document.querySelector(`nav.views a[href="#${view}"]`);
      if (view === this.#shown) link?.setAttribute('aria-current', 'page');
      else link?.removeAttribute('aria-current');
    }
    element('#search', HTMLElement).hidden = this.#shown === 'overview';
    this.#current.render(this);
    scrollTo(0, 0);
  }

  #sayState(): void {
    const { workerId, state, notReady, uptimeMs, agent } = this.view;
    element('#worker', HTMLElement).textContent = workerId;
    document.title = `${workerId.slice(0, 6)} · ${notReady === null ? 'ready' : 'not ready'} · QMesh`;
    const lost = this.#lost === 0 ? '' : ` · ${this.#lost} messages not shown`;
    const crash = crashOf(this.actors.values());
    const words = notReady === null ? 'ready' : `${state.replace('_', ' ')}, not ready: ${notReady}`;
    const holder = element('#state', HTMLElement);
    holder.dataset.mood = crash !== undefined ? 'bad' : notReady === null ? 'good' : 'working';
    element('.words', HTMLElement, holder).textContent = crash === undefined ? words : `${words}; ${crash}`;
    element('#more', HTMLElement).textContent = `${agent} · up ${duration(uptimeMs)}${lost}`;
  }

  sayConnection(text: string): void {
    const holder = element('#connection', HTMLElement);
    holder.textContent = text;
    holder.hidden = text === '';
  }
}

const section = (name: string): HTMLElement => element(`#${name}`, HTMLElement);

function live(): void {
  let page: Page | undefined;
  const events = new EventSource('/events');
  const on = (name: string, hear: (data: unknown) => void): void =>
    events.addEventListener(name, (event: MessageEvent<string>) => hear(JSON.parse(event.data)));
  on('hello', (data) => {
    const hello = data as Hello;
    if (page === undefined) {
      page = new Page({ ...hello, history: History.from(hello) });
      const running = page;
      element('#save', HTMLButtonElement).addEventListener('click', () => {
        save(running.saved(), running.charts).catch(() =>
          running.sayConnection(
            'The recording could not be made, because the worker does not answer. Try again when it does.',
          ),
        );
      });
    } else page.begin(hello);
    page.look(hello.view);
    page.sayConnection('');
  });
  on('happened', (data) => page?.happen(data as Happened));
  on('view', (data) => page?.look(data as WorkerView));
  events.addEventListener('error', () =>
    page?.sayConnection('The worker does not answer. This is what was seen last; the page keeps trying.'),
  );
}

function replay({ saved, charts }: { saved: Saved; charts: Record<string, string> }): void {
  provideDrawings(charts);
  const page = new Page({ ...saved, history: new History(saved), charts: Object.keys(charts) });
  element('#save', HTMLButtonElement).hidden = true;
  element('#pause', HTMLButtonElement).hidden = true;
  page.look(saved.view);
  page.stop(saved.items.length);
  page.sayConnection(
    `A recording of ${new Date(saved.savedAtMs).toLocaleString('en-GB')}. Move the slider to go through it.`,
  );
}

const recorded = savedHere();
if (recorded === undefined) live();
else replay(recorded);
