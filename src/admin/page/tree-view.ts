/** The supervision tree as a list to navigate, with each actor's state and number of crashes. */
import type { App } from './app.js';
import { fits, type Actor } from './history.js';
import { html, put, type Markup } from './markup.js';
import { endOf, mood, stateText, times } from './words.js';

export function renderTree(holder: Element, { actors, filter, chosen }: App): void {
  const below = new Map<string | undefined, Actor[]>();
  for (const actor of actors.values()) {
    const siblings = below.get(actor.parent);
    if (siblings === undefined) below.set(actor.parent, [actor]);
    else siblings.push(actor);
  }
  const branch = (actor: Actor): Markup | undefined => {
    const children = (below.get(actor.name) ?? []).map(branch).filter((child) => child !== undefined);
    const isSought = fits(`${actor.name} ${actor.request ?? ''} ${actor.states.join(' ')}`.toLowerCase(), filter);
    if (!isSought && children.length === 0) return undefined;
    return html`<li>
      ${leaf(actor, actor.name === chosen)}${
        children.length === 0
          ? ''
          : html`<ul>
              ${children}
            </ul>`
      }
    </li>`;
  };
  const roots = (below.get(undefined) ?? []).map(branch).filter((root) => root !== undefined);
  put(
    holder,
    roots.length === 0
      ? html`<p class="note">Nobody that fits.</p>`
      : html`<ul>
          ${roots}
        </ul>`,
  );
}

const leaf = (actor: Actor, isChosen: boolean): Markup =>
  html`<a href="#charts/${actor.name}" class="${mood(actor)}${isChosen ? ' chosen' : ''}"
    ><span class="dot"></span><b>${endOf(actor.name)}</b>
    <span class="state">${actor.machine === 'supervisor' && actor.status === 'active' ? '' : stateText(actor)}</span
    >${crashes(actor)}</a
  >`;

export function crashes({ failures }: Actor): Markup {
  if (failures === undefined) return html``;
  return html`<span class="crashes" title="${failures.reason}">crashed ${times(failures.count)}</span>`;
}
