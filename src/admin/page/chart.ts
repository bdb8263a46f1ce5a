/**
 * Live statecharts: the drawings of docs/statecharts, with an actor's current states highlighted. Each transition it
 * takes flashes once.
 */
import type { Actor } from './history.js';

type Standing = Pick<Actor, 'name' | 'status' | 'states'>;

const drawings = new Map<string, Promise<SVGSVGElement | undefined>>();

/**
 * Provides drawings that came with the page: in a recording, all of them.
 * @param texts SVG, by machine id
 */
export function provideDrawings(texts: Readonly<Record<string, string>>): void {
  for (const [machine, text] of Object.entries(texts)) drawings.set(machine, Promise.resolve(parsed(text)));
}

/** A new copy of a machine's drawing; undefined if there is none. */
export async function drawingOf(machine: string): Promise<SVGSVGElement | undefined> {
  let drawing = drawings.get(machine);
  if (drawing === undefined) {
    drawing = fetch(`/charts/${encodeURIComponent(machine)}.svg`)
      .then(async (answer) => (answer.ok ? parsed(await answer.text()) : undefined))
      .catch(() => undefined);
    drawings.set(machine, drawing);
  }
  return (await drawing)?.cloneNode(true) as SVGSVGElement | undefined;
}

/** Removes the documentation's style, since the page has its own. */
function parsed(text: string): SVGSVGElement | undefined {
  const bare = text.replace(/<style>[^]*?<\/style>/, '');
  const svg = new DOMParser().parseFromString(bare, 'image/svg+xml').documentElement;
  svg.style.setProperty('--width', `${svg.getAttribute('width') ?? '600'}px`);
  svg.removeAttribute('width');
  svg.removeAttribute('height');
  return svg instanceof SVGSVGElement ? svg : undefined;
}

/** A drawing of one actor in the page. */
export class LiveChart {
  readonly #holder: Element;
  readonly #machine: string;
  #svg: SVGSVGElement | undefined;
  #actor: Standing | undefined;
  #lit: ReadonlySet<string> = new Set();

  constructor(holder: Element, machine: string) {
    this.#holder = holder;
    this.#machine = machine;
    void drawingOf(machine).then((svg) => {
      if (svg === undefined) return;
      this.#svg = svg;
      this.#holder.replaceChildren(svg);
      if (this.#actor !== undefined) this.show(this.#actor);
    });
  }

  /** Highlights the current states of `actor`. */
  show(actor: Standing): void {
    this.#actor = actor;
    const svg = this.#svg;
    if (svg === undefined) return;
    this.#lit = new Set(actor.states.flatMap(withOuterOnes));
    for (const state of svg.querySelectorAll('[data-state]'))
      state.classList.toggle('active', this.#lit.has(state.getAttribute('data-state') ?? ''));
    svg.classList.toggle('crashed', actor.status === 'waiting' || actor.status === 'error');
    this.#bringIntoSight(svg);
    const title = svg.querySelector('title');
    const states = actor.states.join(', ') || actor.status;
    if (title !== null) title.textContent = `${actor.name} (${this.#machine}): ${states}`;
  }

  /**
   * If the drawing is wider than its container, as on a phone, scrolls the innermost highlighted state to the middle.
   */
  #bringIntoSight(svg: SVGSVGElement): void {
    const holder = this.#holder;
    const lit = [...svg.querySelectorAll('.state.active > rect')].at(-1);
    if (lit === undefined || holder.scrollWidth <= holder.clientWidth) return;
    const [state, place] = [lit.getBoundingClientRect(), holder.getBoundingClientRect()];
    const isSeen = state.left >= place.left && state.right <= place.right;
    if (!isSeen) holder.scrollLeft += state.left + state.width / 2 - place.left - place.width / 2;
  }

  /** The actor moved: flashes the transition it took, then highlights its new states. */
  move(actor: Standing): void {
    const before = this.#lit;
    this.show(actor);
    const entered = (id: string): boolean => this.#lit.has(id) && (!before.has(id) || actor.states.includes(id));
    for (const arrow of this.#svg?.querySelectorAll('.arrow') ?? []) {
      const from = arrow.getAttribute('data-from') ?? '';
      if (!before.has(from) || !entered(arrow.getAttribute('data-to') ?? '')) continue;
      arrow.classList.remove('fired');
      arrow.getBoundingClientRect(); // restarts the animation
      arrow.classList.add('fired');
    }
  }
}

/** `slot.busy.decoding` → `slot.busy.decoding`, `slot.busy` and `slot`. */
function withOuterOnes(state: string): string[] {
  const parts = state.split('.');
  return parts.map((_, index) => parts.slice(0, index + 1).join('.'));
}
