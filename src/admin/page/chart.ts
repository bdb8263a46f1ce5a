/**
 * Statecharts that live: the drawings of docs/statecharts, with the states of an actor lit up in them and each arrow that it takes
 * flashing once.
 */
import type { Actor } from './history.js';

type Standing = Pick<Actor, 'name' | 'status' | 'states'>;

const drawings = new Map<string, Promise<SVGSVGElement | undefined>>();

/** Drawings that came with the page: in a recording, all of them. @param texts SVG, by id of the machine. */
export function provideDrawings(texts: Readonly<Record<string, string>>): void {
  for (const [machine, text] of Object.entries(texts)) drawings.set(machine, Promise.resolve(parsed(text)));
}

/** A drawing of one's own; undefined where there is none of that machine. */
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

/** Without the style of the documentation: the page has its own. */
function parsed(text: string): SVGSVGElement | undefined {
  const bare = text.replace(/<style>[^]*?<\/style>/, '');
  const svg = new DOMParser().parseFromString(bare, 'image/svg+xml').documentElement;
  svg.style.setProperty('--width', `${svg.getAttribute('width') ?? '600'}px`);
  svg.removeAttribute('width');
  svg.removeAttribute('height');
  return svg instanceof SVGSVGElement ? svg : undefined;
}

/** One drawing in the page, of one actor. */
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

  /** Lights up where `actor` stands. */
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

  /** Where the drawing is wider than its place, as on a phone: the innermost lit state is in the middle. */
  #bringIntoSight(svg: SVGSVGElement): void {
    const holder = this.#holder;
    const lit = [...svg.querySelectorAll('.state.active > rect')].at(-1);
    if (lit === undefined || holder.scrollWidth <= holder.clientWidth) return;
    const [state, place] = [lit.getBoundingClientRect(), holder.getBoundingClientRect()];
    const isSeen = state.left >= place.left && state.right <= place.right;
    if (!isSeen) holder.scrollLeft += state.left + state.width / 2 - place.left - place.width / 2;
  }

  /** It moved: the arrow that it took flashes, then it is shown where it stands. */
  move(actor: Standing): void {
    const before = this.#lit;
    this.show(actor);
    const entered = (id: string): boolean => this.#lit.has(id) && (!before.has(id) || actor.states.includes(id));
    for (const arrow of this.#svg?.querySelectorAll('.arrow') ?? []) {
      const from = arrow.getAttribute('data-from') ?? '';
      if (!before.has(from) || !entered(arrow.getAttribute('data-to') ?? '')) continue;
      arrow.classList.remove('fired');
      arrow.getBoundingClientRect(); // begins the animation anew
      arrow.classList.add('fired');
    }
  }
}

/** `slot.busy.decoding` → it, `slot.busy` and `slot`. */
function withOuterOnes(state: string): string[] {
  const parts = state.split('.');
  return parts.map((_, index) => parts.slice(0, index + 1).join('.'));
}
