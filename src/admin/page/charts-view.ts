/**
 * Statecharts: a wall with those of all actors, or a large one of a single actor with its messages. The supervision
 * tree is shown beside it.
 */
import type { Item } from '../wire.js';
import type { App, View } from './app.js';
import { LiveChart } from './chart.js';
import { fits, type Actor } from './history.js';
import { element, html, put, type Markup } from './markup.js';
import { Sequence } from './sequence.js';
import { crashes, renderTree } from './tree-view.js';
import { Wall } from './wall.js';
import { mood, stateText, time } from './words.js';

const frame = html`<details class="side card" open>
    <summary>Supervision tree</summary>
    <nav aria-label="Supervision tree" class="tree"></nav>
  </details>
  <div class="walls">
    <div class="wall workers"></div>
    <h2>Supervisors</h2>
    <div class="wall supervisors"></div>
    <p class="note"></p>
  </div>
  <div class="detail" hidden>
    <div class="about card"></div>
    <div class="chart card" tabindex="0" role="group" aria-label="Statechart"></div>
    <h2>What it sent and got</h2>
    <div class="own"></div>
  </div>`;

export class ChartsView implements View {
  readonly #tree: Element;
  readonly #walls: HTMLElement;
  readonly #workers: Wall;
  readonly #supervisors: Wall;
  readonly #note: Element;
  readonly #detail: HTMLElement;
  readonly #about: Element;
  readonly #chartBox: HTMLElement;
  readonly #own: Sequence;
  #large:
    { readonly name: string; readonly machine: string | undefined; readonly chart: LiveChart | undefined } | undefined;

  constructor(holder: HTMLElement) {
    put(holder, frame);
    const find = (selector: string): HTMLElement => element(selector, HTMLElement, holder);
    this.#tree = find('.tree');
    this.#walls = find('.walls');
    this.#workers = new Wall(find('.workers'));
    this.#supervisors = new Wall(find('.supervisors'));
    this.#note = find('.walls > .note');
    this.#detail = find('.detail');
    this.#about = find('.about');
    this.#chartBox = find('.chart');
    this.#own = new Sequence(find('.own'));
    if (matchMedia('(max-width: 60rem)').matches) holder.querySelector('details')?.removeAttribute('open');
  }

  render(app: App): void {
    const { chosen, actors } = app;
    renderTree(this.#tree, app);
    this.#walls.hidden = chosen !== undefined;
    this.#detail.hidden = chosen === undefined;
    if (chosen === undefined) this.#renderWalls(app);
    else this.#renderDetail(app, chosen, actors.get(chosen));
  }

  happened(app: App, items: readonly Item[]): void {
    // Each of several steps in a batch flashes its transition; the final states are highlighted afterwards.
    for (const item of items) {
      if (item.kind !== 'moved') continue;
      const { actor } = item;
      if (app.chosen === undefined) {
        this.#workers.move(actor);
        this.#supervisors.move(actor);
      } else if (this.#large?.name === actor.name) this.#large.chart?.move(actor);
    }
    if (items.some(({ kind }) => kind !== 'message' && kind !== 'logged')) this.render(app);
    else if (app.chosen !== undefined) this.#own.render(ofActor(app, app.chosen));
  }

  viewed(): void {}

  #renderWalls({ actors, filter }: App): void {
    const sought = [...actors.values()].filter(
      (actor) =>
        actor.machine !== undefined &&
        fits(`${actor.name} ${actor.request ?? ''} ${actor.states.join(' ')}`.toLowerCase(), filter),
    );
    const isSupervisor = ({ machine }: Actor): boolean => machine === 'supervisor';
    const hidden =
      this.#workers.render(sought.filter((actor) => !isSupervisor(actor))) +
      this.#supervisors.render(sought.filter(isSupervisor));
    const more = hidden === 0 ? '' : `${hidden} more: use the filter to see them.`;
    put(this.#note, html`${sought.length === 0 ? 'No actor matches the filter.' : more}`);
  }

  #renderDetail(app: App, name: string, actor: Actor | undefined): void {
    put(this.#about, actor === undefined ? absent(name) : about(app, actor));
    this.#own.render(ofActor(app, name));
    if (actor === undefined) return;
    if (this.#large?.name !== name || this.#large.machine !== actor.machine) {
      this.#chartBox.replaceChildren();
      this.#chartBox.hidden = actor.machine === undefined;
      const chart = actor.machine === undefined ? undefined : new LiveChart(this.#chartBox, actor.machine);
      this.#large = { name, machine: actor.machine, chart };
    }
    this.#large.chart?.show(actor);
  }
}

/** The same app, reduced to what concerns one actor. */
function ofActor(app: App, name: string): Pick<App, 'shownItems' | 'actors' | 'filter'> {
  const concerns = (item: Item): boolean => {
    if (item.kind === 'message') return item.from === name || item.to === name;
    if (item.kind === 'logged') return false;
    return ('actor' in item ? item.actor.name : item.name) === name;
  };
  return { actors: app.actors, filter: app.filter, shownItems: app.shownItems.filter(concerns) };
}

const absent = (name: string): Markup =>
  html`<p class="path"><a href="#charts">all</a></p>
    <h2><span class="dot over"></span>${name}</h2>
    <p>It is not running at the moment.</p>`;

function about({ actors, view }: App, actor: Actor): Markup {
  const path: Actor[] = [];
  for (let at = actors.get(actor.parent ?? ''); at !== undefined && path.length < 16; at = actors.get(at.parent ?? ''))
    path.unshift(at);
  const { name, machine, request, failures } = actor;
  const engine = view.engines.find((each) => each.name === name); // has the reason its process ended
  return html`<p class="path">
      <a href="#charts">all</a>${path.map(({ name: above }) => html` › <a href="#charts/${above}">${above}</a>`)}
    </p>
    <h2><span class="dot ${mood(actor)}"></span>${name}</h2>
    <p>
      <b>${stateText(actor)}</b>${
        machine === undefined
          ? ' · has no state machine: it works for the actor above it'
          : html` · machine <code>${machine}</code>`
      }${
        request === undefined
          ? ''
          : html` · request
              <button type="button" class="request" data-filter="${request}">${request}</button>`
      }
    </p>
    ${
      failures === undefined
        ? ''
        : html`<p class="bad">
            ${crashes(actor)}, last at ${time(failures.atMs)}: ${engine?.reason ?? failures.reason}
          </p>`
    }`;
}
