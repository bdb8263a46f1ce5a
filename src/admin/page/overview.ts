/** The overview: health, queue, slots, engines and models at a glance. */
import type { WorkerView } from '../wire.js';
import type { App, View } from './app.js';
import { html, put, type Markup } from './markup.js';
import { bytes, duration, mainState, mood, number, short, stateText, times } from './words.js';
import { logLines } from './log-view.js';

const tiers = ['owner', 'master', 'diamond', 'platinum', 'gold', 'silver', 'bronze', 'guest'] as const;
const latestLines = 8;

export class Overview implements View {
  readonly #holder: HTMLElement;
  readonly #bodies = new Map<string, Element>();

  constructor(holder: HTMLElement) {
    this.#holder = holder;
    const cards = ['Health', 'Queue', 'Slots', 'Engines', 'Models', 'Connections', 'Points', 'Work done', 'Latest'];
    for (const title of cards) {
      const card = document.createElement('section');
      card.className = `card ${title.toLowerCase().replace(' ', '-')}`;
      const id = `card-${card.className.split(' ')[1] ?? ''}`;
      card.setAttribute('aria-labelledby', id);
      put(
        card,
        html`<h2 id="${id}">${title}</h2>
          <div class="body"></div>`,
      );
      holder.append(card);
      const body = card.querySelector('.body');
      if (body !== null) this.#bodies.set(title, body);
    }
  }

  render(app: App): void {
    this.viewed(app);
  }

  happened(app: App): void {
    this.#put('Slots', slots(liveView(app)));
    this.#put('Engines', engines(liveView(app)));
    this.#put('Latest', latest(app));
  }

  viewed(app: App): void {
    const view = liveView(app);
    this.#put('Health', health(view));
    this.#put('Queue', queue(view));
    this.#put('Slots', slots(view));
    this.#put('Engines', engines(view));
    this.#put('Models', models(view));
    this.#put('Connections', connections(view));
    this.#put('Points', points(view));
    this.#put('Work done', work(view));
    this.#put('Latest', latest(app));
    this.#holder.dataset.loaded = 'true';
  }

  #put(title: string, markup: Markup): void {
    const body = this.#bodies.get(title);
    if (body !== undefined) put(body, markup);
  }
}

/** The worker reports slots and engines once a second; newer states are known from the events. */
function liveView({ view, actors }: App): WorkerView {
  const stateNow = <T extends { readonly name: string; readonly state: string }>(said: T): T => {
    const actor = actors.get(said.name);
    return actor === undefined ? said : { ...said, state: stateText(actor) };
  };
  const slots = view.slots.map((said) => {
    const slot = stateNow(said);
    return { ...slot, request: isBusy(slot) ? (actors.get(said.name)?.request ?? said.request) : null };
  });
  const busy = slots.filter((slot) => isBusy(slot) && !slot.isReserve).length;
  return { ...view, slots, engines: view.engines.map(stateNow), usage: { ...view.usage, busy } };
}

const isBusy = ({ state }: { readonly state: string }): boolean => state.startsWith('busy');

const figure = (value: string | number, unit: string): Markup =>
  html`<p class="figure"><strong>${value}</strong> <span>${unit}</span></p>`;

function facts(rows: readonly (readonly [string, Markup | string])[]): Markup {
  return html`<dl>
    ${rows.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

const health = ({ health: { score, state, capacity } }: WorkerView): Markup => html`
  ${figure(score, state)}
  <meter min="0" max="100" low="40" high="60" optimum="100" value="${score}" aria-label="Health score"></meter>
  <p class="note">
    ${capacity === 100 ? 'The whole machine can be lent.' : `The machine is in use: ${capacity} % of slots and queue may be filled.`}
  </p>
`;

function queue({ queue: { length, capacity }, waiting, performance: { avgResponseMs } }: WorkerView): Markup {
  const most = Math.max(1, ...tiers.map((tier) => waiting[tier] ?? 0));
  return html`
    ${figure(length, `of ${number(capacity)} places taken`)}
    <ul class="tiers">
      ${tiers.map((tier) => {
        const count = waiting[tier] ?? 0;
        return html`<li class="${count === 0 ? 'none' : ''}">
          <span>${tier}</span><meter min="0" max="${most}" value="${count}" aria-hidden="true"></meter><b>${count}</b>
        </li>`;
      })}
    </ul>
    <p class="note">
      ${avgResponseMs === null ? 'No answer yet.' : `An answer takes ${(avgResponseMs / 1_000).toFixed(1)} s on average.`}
    </p>
  `;
}

function slots({ slots, usage: { busy, total }, performance: { tokensPerSecond } }: WorkerView): Markup {
  return html`
    ${figure(busy, `of ${total} busy`)}
    <ul class="slots">
      ${slots.map(
        ({ name, state, request, isReserve }) =>
          html`<li class="${state.split('.')[0] ?? ''}">
            <a href="#charts/${name}"
              ><b>${name}</b><span>${mainState(state)}${isReserve ? ' · reserve' : ''}</span>
              <small>${request === null ? ' ' : `request ${short(request)}`}</small></a
            >
          </li>`,
      )}
    </ul>
    <p class="note">${tokensPerSecond === null ? '' : `${number(tokensPerSecond)} tokens/s for each request.`}</p>
  `;
}

const engines = ({ engines, done }: WorkerView): Markup => html`
  <ul class="rows">
    ${engines.map(
      ({ name, model, state, threads, device, reason }) =>
        html`<li class="${mood({ status: 'active', states: [state] })}">
          <span class="dot"></span> <a href="#charts/${name}">${name}</a> <span class="state">${mainState(state)}</span>
          <small
            >${[model, device, threads === null ? null : threads === 1 ? '1 thread' : `${threads} threads`].filter((word) => word !== null).join(' · ')}</small
          >
          ${reason === null ? '' : html`<small class="bad">${reason}</small>`}
        </li>`,
    )}
  </ul>
  <p class="note">
    ${done.engineLosses === 0 ? 'No engine has crashed.' : `Crashed ${times(done.engineLosses)} since this worker started.`}
  </p>
`;

const models = ({ models }: WorkerView): Markup => html`
  <ul class="rows">
    ${models.map(
      ({ wanted, state, bytes: size, sha256, reason }) =>
        html`<li class="${mood({ status: 'active', states: [state] })}">
          <span class="dot"></span> <b>${wanted}</b> <span class="state">${state.split('.')[0]}</span>
          <small
            >${[size === null ? null : bytes(size), sha256 === null ? null : `SHA-256 ${sha256.slice(0, 12)}…`].filter((word) => word !== null).join(' · ')}</small
          >
          ${reason === null ? '' : html`<small class="bad">${reason}</small>`}
        </li>`,
    )}
  </ul>
`;

const connections = ({ peers }: WorkerView): Markup => html`
  ${figure(peers.inference, peers.inference === 1 ? 'client' : 'clients')}
  ${facts([
    ['scores network', number(peers.scores)],
    ['models network', number(peers.models)],
  ])}
`;

const points = ({ points }: WorkerView): Markup =>
  points === null
    ? html`<p class="note">There is no ledger: everyone is a guest here.</p>`
    : html`${figure(number(points.balanceMillipoints / 1_000), points.balanceMillipoints === 1_000 ? 'point' : 'points')}
        <p class="note">When this node asks, that puts it in the <b>${points.tier}</b> tier.</p>`;

function work({ done, uptimeMs }: WorkerView): Markup {
  const { ended, refused, tokens, promptTokens, actorRestarts } = done;
  const answered = (ended.stop ?? 0) + (ended.length ?? 0) + (ended.tool_calls ?? 0);
  const all = Object.values(ended).reduce((sum, count) => sum + count, 0);
  const turnedAway = Object.values(refused).reduce<number>((sum, count) => sum + (count ?? 0), 0);
  return html`
    ${figure(number(answered), answered === 1 ? 'answer' : 'answers')}
    ${facts([
      ['not completed', number(all - answered)],
      ['refused', number(turnedAway)],
      ['tokens written', number(tokens)],
      ['tokens read', number(promptTokens)],
      ['actor restarts', number(actorRestarts)],
      ['uptime', duration(uptimeMs)],
    ])}
  `;
}

const latest = ({ log }: App): Markup =>
  html`<ol class="log">
    ${logLines(log.slice(-latestLines).reverse())}
  </ol>`;
