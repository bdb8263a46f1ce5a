/**
 * Messages between actors as a sequence diagram: one lane per actor, time runs down. Between the messages are the
 * states they led to, crashes and restarts. Each line also reads as a sentence.
 */
import type { Item } from '../wire.js';
import type { App, View } from './app.js';
import { fits, searchable } from './history.js';
import { html, put, type Markup } from './markup.js';
import { short, stateText, time } from './words.js';

const maxRows = 250;
/** Minimum readable width of a lane; must match style.ts. */
const laneRem = 9.5;
/** Width of the time and request columns beside the lanes. */
const marginRem = 13.5;
const minLanes = 3;

type Row = Exclude<Item, { kind: 'logged' | 'gone' }>;

export class Sequence implements View {
  readonly #heads: HTMLElement;
  readonly #rows: HTMLOListElement;
  readonly #note: HTMLElement;
  readonly #box: HTMLElement;
  readonly #elements = new Map<Row, HTMLLIElement>();
  #lanes = '';

  constructor(holder: HTMLElement) {
    put(
      holder,
      html`<div class="sequence card" tabindex="0" role="region" aria-label="Messages between actors">
          <div class="heads" aria-hidden="true"></div>
          <ol></ol>
        </div>
        <p class="note"></p>`,
    );
    const find = (selector: string): HTMLElement => holder.querySelector<HTMLElement>(selector) ?? holder;
    this.#box = find('.sequence');
    this.#heads = find('.heads');
    this.#rows = find('ol') as HTMLOListElement;
    this.#note = find('.note');
  }

  render({ shownItems, actors, filter }: Pick<App, 'shownItems' | 'actors' | 'filter'>): void {
    const rows = sought(shownItems, filter);
    const { lanes, hidden } = lanesOf(rows, [...actors.keys()], this.#room());
    const shown = rows.filter((row) => namesIn(row).every((name) => lanes.includes(name)));
    const key = lanes.join(' ');
    if (key !== this.#lanes) {
      this.#lanes = key;
      this.#elements.clear();
      this.#rows.replaceChildren();
      put(this.#heads, html`${lanes.map((name) => html`<span>${name}</span>`)}`);
      this.#box.style.setProperty('--lanes', String(lanes.length));
    }
    this.#place(shown, lanes);
    put(this.#note, noteOf(rows.length, hidden));
  }

  happened(app: App): void {
    this.render(app);
  }

  /** How many lanes fit side by side. A narrow screen shows sentences instead of lanes. */
  #room(): number {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const hasLanes = getComputedStyle(this.#heads).display !== 'none';
    return hasLanes ? Math.max(minLanes, Math.floor((this.#box.clientWidth / rem - marginRem) / laneRem)) : Infinity;
  }

  viewed(): void {}

  /** Newest last. Stays scrolled to the end if the reader was there. */
  #place(rows: readonly Row[], lanes: readonly string[]): void {
    const wasAtEnd = this.#box.scrollHeight - this.#box.scrollTop - this.#box.clientHeight < 40;
    const kept = new Set(rows);
    for (const [row, element] of this.#elements) {
      if (kept.has(row)) continue;
      element.remove();
      this.#elements.delete(row);
    }
    for (const row of rows) {
      if (this.#elements.has(row)) continue;
      const element = elementOf(row, lanes);
      this.#elements.set(row, element);
      this.#rows.append(element);
    }
    if (wasAtEnd) this.#box.scrollTop = this.#box.scrollHeight;
  }
}

function sought(items: readonly Item[], filter: string): Row[] {
  const rows: Row[] = [];
  for (let index = items.length - 1; index >= 0 && rows.length < maxRows; index--) {
    const item = items[index];
    if (item === undefined || item.kind === 'logged' || item.kind === 'gone') continue;
    if (fits(searchable(item), filter)) rows.unshift(item);
  }
  return rows;
}

function namesIn(row: Row): string[] {
  if (row.kind === 'message') return row.from === null || row.from === row.to ? [row.to] : [row.from, row.to];
  return [row.kind === 'failed' ? row.name : row.actor.name];
}

/** The actors with the most messages, in the order of the tree. */
function lanesOf(rows: readonly Row[], order: readonly string[], room: number): { lanes: string[]; hidden: number } {
  const talk = new Map<string, number>();
  for (const row of rows) for (const name of namesIn(row)) talk.set(name, (talk.get(name) ?? 0) + 1);
  const place = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
  const lanes = [...talk]
    .sort(([, a], [, b]) => b - a)
    .slice(0, room)
    .map(([name]) => name)
    .sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
  return { lanes, hidden: talk.size - lanes.length };
}

function noteOf(rows: number, hidden: number): Markup {
  if (rows === 0) return html`Nothing that matches has happened yet.`;
  if (hidden === 0) return html``;
  return html`${hidden === 1 ? '1 more actor' : `${hidden} more actors`} took part: use the filter to see what they did.`;
}

function elementOf(row: Row, lanes: readonly string[]): HTMLLIElement {
  const element = document.createElement('li');
  const place = (name: string): number => lanes.indexOf(name);
  if (row.kind === 'message') {
    const to = place(row.to);
    const from = row.from === null ? to : place(row.from);
    element.className = from === to ? 'own' : from < to ? 'right' : 'left';
    element.style.setProperty('--from', String(Math.min(from, to)));
    element.style.setProperty('--span', String(Math.abs(to - from)));
  } else {
    element.className = row.kind;
    element.style.setProperty('--from', String(place(namesIn(row)[0] ?? '')));
  }
  const request = 'request' in row ? row.request : undefined;
  put(
    element,
    html`<time>${time(row.atMs)}</time><span class="mark" aria-hidden="true"></span
      ><span class="words">${wordsOf(row)}</span>${
        request === undefined
          ? ''
          : html`<button type="button" class="request" data-filter="${request}" title="Only request ${request}">
              ${short(request)}
            </button>`
      }`,
  );
  return element;
}

const quiet = (text: string): Markup => html`<span class="unseen">${text}</span>`;

/** The visible text is short; visually hidden text completes it to a sentence. */
function wordsOf(row: Row): Markup {
  switch (row.kind) {
    case 'message':
      return html`${quiet(wayOf(row))}<b>${row.type}</b>${row.about === undefined ? '' : html` <i>${row.about}</i>`}`;
    case 'moved':
      return html`${quiet(`${row.actor.name} is now `)}${stateText(row.actor)}`;
    case 'started':
      return html`${quiet(`${row.actor.name} `)}started`;
    case 'failed':
      return html`${quiet(`${row.name} `)}crashed: ${row.reason}`;
  }
}

const wayOf = ({ from, to }: Extract<Row, { kind: 'message' }>): string =>
  from === to || from === null ? `${to}: ` : `${from} to ${to}: `;
