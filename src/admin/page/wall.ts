/** Many small statecharts at once, enough to see where something moves. */
import type { ActorSight } from '../wire.js';
import { LiveChart } from './chart.js';
import type { Actor } from './history.js';
import { html, put, type Markup } from './markup.js';
import { crashes } from './tree-view.js';
import { mood, stateText } from './words.js';

/** Each is a drawing of about a hundred shapes. */
const maxCharts = 60;

interface Tile {
  readonly element: HTMLElement;
  readonly head: Element;
  readonly chart: LiveChart;
}

export class Wall {
  readonly #holder: Element;
  readonly #tiles = new Map<string, Tile>();

  constructor(holder: Element) {
    this.#holder = holder;
  }

  /** @returns how many did not fit */
  render(actors: readonly Actor[]): number {
    const shown = actors.slice(0, maxCharts);
    const names = new Set(shown.map(({ name }) => name));
    for (const [name, { element }] of this.#tiles) {
      if (names.has(name)) continue;
      element.remove();
      this.#tiles.delete(name);
    }
    let before: Element | null = null;
    for (const actor of shown) {
      const tile = this.#tiles.get(actor.name) ?? this.#newTile(actor);
      const next: Element | null = before === null ? this.#holder.firstElementChild : before.nextElementSibling;
      if (tile.element !== next) this.#holder.insertBefore(tile.element, next);
      before = tile.element;
      tile.element.className = `tile card ${mood(actor)}`;
      put(tile.head, headOf(actor));
      tile.chart.show(actor);
    }
    return actors.length - shown.length;
  }

  move(actor: ActorSight): void {
    this.#tiles.get(actor.name)?.chart.move(actor);
  }

  #newTile({ name, machine }: Actor): Tile {
    const element = document.createElement('a');
    element.href = `#charts/${name}`;
    element.dataset.actor = name;
    const head = document.createElement('div');
    const box = document.createElement('div');
    box.className = 'drawing';
    box.setAttribute('aria-hidden', 'true');
    element.append(head, box);
    const tile = { element, head, chart: new LiveChart(box, machine ?? '') };
    this.#tiles.set(name, tile);
    return tile;
  }
}

const headOf = (actor: Actor): Markup =>
  html`<h3><span class="dot"></span>${actor.name}</h3>
    <p class="state">${stateText(actor)}</p>
    ${crashes(actor)}`;
