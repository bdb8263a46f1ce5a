/// <reference lib="dom" />
/**
 * Statecharts: a wall with everybody's, or one of them large with what concerns it. The supervision tree stands beside it.
 */
import type { Item } from '../wire.js';
import type { App, View } from './app.js';
import { LiveChart } from './chart.js';
import { fits, type Actor } from './history.js';
import { html, put, type Markup } from './markup.js';
import { Sequence } from './sequence.js';
import { crashes, renderTree } from './tree-view.js';
import { mood, stateText } from './words.js';

/** Each is a drawing of some hundred shapes. */
const maxCharts = 80;

interface Tile {
  readonly element: HTMLElement;
  readonly head: Element;
  readonly chart: LiveChart | undefined;
}

export class ChartsView implements View {
  readonly #tree: Element;
  readonly #wall: HTMLElement;
  readonly #detail: HTMLElement;
  readonly #tiles = new Map<string, Tile>();
  #large:
    { readonly name: string; readonly machine: string | undefined; readonly chart: LiveChart | undefined } | undefined;
  readonly #own: Sequence;
  readonly #about: HTMLElement;
  readonly #chartBox: HTMLElement;

  constructor(holder: HTMLElement) {
    put(
      holder,
      html`<details class="side card" open>
          <summary>Supervision tree</summary>
          <nav aria-label="Supervision tree" class="tree"></nav>
        </details>
        <div class="wall"></div>
        <div class="detail" hidden>
          <div class="about card"></div>
          <div class="chart card" tabindex="0" role="group" aria-label="Statechart"></div>
          <h2>What it sent and got</h2>
          <div class="own"></div>
        </div>`,
    );
    const find = (selector: string): HTMLElement => holder.querySelector<HTMLElement>(selector) ?? holder;
    this.#tree = find('.tree');
    this.#wall = find('.wall');
    this.#detail = find('.detail');
    this.#about = find('.about');
    this.#chartBox = find('.chart');
    this.#own = new Sequence(find('.own'));
    if (matchMedia('(max-width: 60rem)').matches) holder.querySelector('details')?.removeAttribute('open');
  }

  render(app: App): void {
    renderTree(this.#tree, app);
    const actor = app.chosen === undefined ? undefined : app.actors.get(app.chosen);
    this.#wall.hidden = app.chosen !== undefined;
    this.#detail.hidden = app.chosen === undefined;
    if (app.chosen === undefined) this.#renderWall(app);
    else if (actor === undefined)
      put(
        this.#about,
        html`<h2>${app.chosen}</h2>
          <p>It is not there just now.</p>
          ${allLink}`,
      );
    else this.#renderDetail(app, actor);
  }

  happened(app: App, items: readonly Item[]): void {
    const moved = items.filter((item) => item.kind === 'moved');
    if (items.some(({ kind }) => kind !== 'message' && kind !== 'logged')) this.render(app);
    else if (app.chosen !== undefined) this.#own.render(this.#ofChosen(app));
    // Each step of several between two looks flashes its own arrow.
    for (const { actor } of moved) {
      const stood: Actor = { ...actor, request: undefined, failures: undefined, sinceMs: 0 };
      this.#tiles.get(actor.name)?.chart?.move(stood);
      if (this.#large?.name === actor.name) this.#large.chart?.move(stood);
    }
  }

  viewed(): void {}

  #renderWall(app: App): void {
    const sought = [...app.actors.values()].filter((actor) =>
      fits(`${actor.name} ${actor.request ?? ''} ${actor.states.join(' ')}`.toLowerCase(), app.filter),
    );
    const shown = sought.slice(0, maxCharts);
    const names = new Set(shown.map(({ name }) => name));
    for (const [name, { element }] of this.#tiles) {
      if (names.has(name)) continue;
      element.remove();
      this.#tiles.delete(name);
    }
    let before: Element | null = null;
    for (const actor of shown) {
      const tile = this.#tiles.get(actor.name) ?? this.#newTile(actor);
      const next: Element | null = before === null ? this.#wall.firstElementChild : before.nextElementSibling;
      if (tile.element !== next) this.#wall.insertBefore(tile.element, next);
      before = tile.element;
      tile.element.className = `tile card ${mood(actor)}`;
      put(tile.head, tileHead(actor));
      tile.chart?.show(actor);
    }
    this.#wall.dataset.hidden = String(sought.length - shown.length);
  }

  #newTile(actor: Actor): Tile {
    const element = document.createElement('a');
    element.href = `#charts/${actor.name}`;
    element.dataset.actor = actor.name;
    const head = document.createElement('div');
    const box = document.createElement('div');
    box.className = 'drawing';
    box.setAttribute('aria-hidden', 'true');
    element.append(head, box);
    const chart = actor.machine === undefined ? undefined : new LiveChart(box, actor.machine);
    const tile = { element, head, chart };
    this.#tiles.set(actor.name, tile);
    return tile;
  }

  #renderDetail(app: App, actor: Actor): void {
    put(this.#about, about(app, actor));
    if (this.#large?.name !== actor.name || this.#large.machine !== actor.machine) {
      this.#chartBox.replaceChildren();
      this.#chartBox.hidden = actor.machine === undefined;
      const chart = actor.machine === undefined ? undefined : new LiveChart(this.#chartBox, actor.machine);
      this.#large = { name: actor.name, machine: actor.machine, chart };
    }
    this.#large.chart?.show(actor);
    this.#own.render(this.#ofChosen(app));
  }

  #ofChosen(app: App): App {
    const name = app.chosen ?? '';
    const concerns = (item: Item): boolean => {
      if (item.kind === 'message') return item.from === name || item.to === name;
      return item.kind === 'logged' ? false : ('actor' in item ? item.actor.name : item.name) === name;
    };
    return { ...app, shownItems: app.shownItems.filter(concerns) };
  }
}

const allLink = html`<p><a href="#charts">All statecharts</a></p>`;

const tileHead = (actor: Actor): Markup =>
  html`<h3><span class="dot"></span>${actor.name}</h3>
    <p class="state">${stateText(actor)}</p>
    ${crashes(actor)}`;

function about({ actors }: App, actor: Actor): Markup {
  const path: Actor[] = [];
  for (let at: Actor | undefined = actor; at !== undefined && path.length < 16; at = actors.get(at.parent ?? ''))
    path.unshift(at);
  const { failures } = actor;
  return html`<p class="path">
      <a href="#charts">all</a>${path.slice(0, -1).map(({ name }) => html` › <a href="#charts/${name}">${name}</a>`)}
    </p>
    <h2><span class="dot ${mood(actor)}"></span>${actor.name}</h2>
    <p>
      <b>${stateText(actor)}</b>${actor.machine === undefined ? '' : html` · machine <code>${actor.machine}</code>`}${
        actor.request === undefined
          ? ''
          : html` · request
              <button type="button" class="request" data-filter="${actor.request}">${actor.request}</button>`
      }
    </p>
    ${failures === undefined ? '' : html`<p class="bad">${crashes(actor)} Last: ${failures.reason}</p>`}`;
}
