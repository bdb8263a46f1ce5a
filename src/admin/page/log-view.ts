/** The last lines of the worker's log, newest first. */
import type { Item, LogLine } from '../wire.js';
import type { App, View } from './app.js';
import { fits } from './history.js';
import { html, put, type Markup } from './markup.js';
import { time } from './words.js';

const maxLines = 200;

export class LogView implements View {
  readonly #list: HTMLOListElement;

  constructor(holder: HTMLElement) {
    this.#list = document.createElement('ol');
    this.#list.className = 'log card';
    holder.append(this.#list);
  }

  render({ log, filter }: App): void {
    const searched = log.filter(({ event, fields }) =>
      fits(`${event} ${Object.values(fields).join(' ')}`.toLowerCase(), filter),
    );
    const lines = searched.slice(-maxLines).reverse();
    put(this.#list, lines.length === 0 ? html`<li class="empty">Nothing that fits.</li>` : html`${logLines(lines)}`);
  }

  happened(app: App, items: readonly Item[]): void {
    if (items.some(({ kind }) => kind === 'logged')) this.render(app);
  }

  viewed(): void {}
}

export const logLines = (lines: readonly LogLine[]): Markup[] =>
  lines.map(
    ({ atMs, level, event, fields }) =>
      html`<li class="${level}">
        <time>${time(atMs)}</time> <b>${event}</b>
        <span>${Object.entries(fields).map(([name, value]) => html`<i>${name}</i> ${value} `)}</span>
      </li>`,
  );
