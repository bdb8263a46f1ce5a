/**
 * The open pages, and what they are sent. While no page is open nobody watches the tree, at no cost.
 *
 * Events are collected and sent ten times a second, serialised once for all pages. A page that does not read is skipped
 * until it does, and then starts over with a `hello`. If there are more messages than anyone could follow, only those
 * of every second, fourth, … request are sent: all messages of a request or none. Of each actor, only its state at the
 * end of the batch is then sent.
 */
import type { AnyActorRef } from 'xstate';
import type { WorkerDeps } from '../actors/worker/worker-ports.js';
import { viewOf } from '../actors/worker/worker-view.js';
import { statusOf, type AnyActorSystem } from '../runtime/actor-system.js';
import type { TimerHandle } from '../runtime/clock.js';
import { reasonOf } from '../runtime/errors.js';
import type { LogRing } from '../runtime/log-ring.js';
import type { SupervisionEvent } from '../runtime/supervision.js';
import { nameOf } from '../runtime/inspection.js';
import { descendantsOf, sightOf, sightsOf, watchTree, type Happening } from '../runtime/tree-watch.js';
import { requestOf, requestOfMessage, told } from './told.js';
import type { Hello, Item } from './wire.js';

export const maxPages = 8;
/** Items per batch; a worker with a thousand messages in one is very busy. */
const maxBatchItems = 1_000;
/** Beyond some hundred lines a second, nobody can read them. */
const easyBatchMessages = 50;
const batchMs = 100;
const viewMs = 1_000;
/** Bytes written to a page that it has not read yet. */
const maxUnreadBytes = 1_048_576;

/** The writing end of a page's connection. */
export interface PageStream {
  write(text: string): void;
  readonly unreadBytes: number;
}

interface Page {
  readonly stream: PageStream;
  /** Something was not sent to it, so it needs a new `hello`. */
  isBehind: boolean;
}

type Unwatch = () => void;

export class Watchers {
  readonly #deps: WorkerDeps;
  readonly #system: AnyActorSystem;
  readonly #ring: LogRing;
  readonly #charts: readonly string[];
  readonly #pages = new Set<Page>();
  readonly #alive = new Map<string, AnyActorRef>();
  #items: Item[] = [];
  #lost = 0;
  /** Messages since the last batch, sent or not. */
  #messages = 0;
  /** Actors that moved since the last batch, while only their last states are sent. */
  readonly #moved = new Set<AnyActorRef>();
  /** One request in this many is followed; a power of two. */
  #oneIn = 1;
  #unwatch: readonly Unwatch[] = [];
  #batchTimer: TimerHandle;
  #viewTimer: TimerHandle;

  constructor(deps: WorkerDeps, system: AnyActorSystem, ring: LogRing, charts: readonly string[]) {
    this.#deps = deps;
    this.#system = system;
    this.#ring = ring;
    this.#charts = charts;
  }

  get size(): number {
    return this.#pages.size;
  }

  get isFull(): boolean {
    return this.#pages.size >= maxPages;
  }

  /** @returns a function that removes the page */
  add(stream: PageStream): () => void {
    const page = { stream, isBehind: false };
    if (this.#pages.size === 0) this.#begin();
    else this.#flush(); // what its `hello` contains is not sent to it again
    this.#pages.add(page);
    stream.write(frame('hello', this.#hello()));
    return () => {
      if (this.#pages.delete(page) && this.#pages.size === 0) this.#end();
    };
  }

  close(): void {
    this.#pages.clear();
    this.#end();
  }

  #begin(): void {
    const { restarts, clock } = this.#deps;
    for (const ref of descendantsOf(this.#root)) this.#alive.set(nameOf(ref), ref);
    this.#unwatch = [
      watchTree(this.#system, (happening) => this.#see(happening)),
      restarts.listen((event) => this.#supervised(event)),
      this.#ring.listen((line) => this.#push({ kind: 'logged', atMs: line.atMs, line })),
    ];
    const tick = (): void => {
      this.#send(frame('view', viewOf(this.#deps, this.#system)));
      this.#viewTimer = clock.setTimeout(tick, viewMs);
    };
    this.#viewTimer = clock.setTimeout(tick, viewMs);
  }

  #end(): void {
    const { clock } = this.#deps;
    for (const unwatch of this.#unwatch) unwatch();
    this.#unwatch = [];
    clock.clearTimeout(this.#batchTimer);
    clock.clearTimeout(this.#viewTimer);
    this.#batchTimer = undefined;
    this.#items = [];
    this.#lost = 0;
    this.#messages = 0;
    this.#oneIn = 1;
    this.#moved.clear();
    this.#alive.clear();
  }

  #hello(): Hello {
    const { clock, restarts } = this.#deps;
    return {
      atMs: clock.now(),
      view: viewOf(this.#deps, this.#system),
      actors: sightsOf(this.#root),
      failures: Object.fromEntries(restarts.failures),
      log: this.#ring.lines,
      charts: this.#charts,
    };
  }

  get #root(): AnyActorRef {
    return this.#system.get('root') as AnyActorRef;
  }

  #see(happening: Happening): void {
    if (happening.type === 'message') {
      const { ref, from = null, to, event } = happening;
      this.#messages++;
      const request = requestOfMessage(ref, event);
      if (this.#isFollowed(request))
        this.#push({ kind: 'message', atMs: this.#deps.clock.now(), from, to, ...told(event, request) });
      else this.#leaveOut();
      return;
    }
    const { type, ref } = happening;
    if (type === 'started' || this.#oneIn === 1) this.#push(this.#sighting(type, ref));
    else if (this.#moved.size < maxBatchItems) {
      this.#moved.add(ref);
      this.#flushSoon();
    } else this.#leaveOut();
  }

  #sighting(kind: 'started' | 'moved', ref: AnyActorRef): Item {
    const actor = sightOf(ref);
    const request = requestOf(ref);
    if (actor.status === 'active') this.#alive.set(actor.name, ref);
    return { kind, atMs: this.#deps.clock.now(), actor, ...(request === undefined ? {} : { request }) };
  }

  #isFollowed(request: string | undefined): boolean {
    return this.#oneIn === 1 || request === undefined || placeOf(request) % this.#oneIn === 0;
  }

  #supervised(event: SupervisionEvent): void {
    if (event.type !== 'child.failed') return;
    const { id, error, restartInMs = null } = event;
    this.#push({ kind: 'failed', atMs: this.#deps.clock.now(), name: id, reason: reasonOf(error), restartInMs });
  }

  #push(item: Item): void {
    if (this.#items.length >= maxBatchItems) this.#leaveOut();
    else {
      this.#items.push(item);
      this.#flushSoon();
    }
  }

  #leaveOut(): void {
    this.#lost++;
    this.#flushSoon();
  }

  #flushSoon(): void {
    this.#batchTimer ??= this.#deps.clock.setTimeout(() => this.#flush(), batchMs);
  }

  #flush(): void {
    this.#deps.clock.clearTimeout(this.#batchTimer);
    this.#batchTimer = undefined;
    for (const ref of this.#moved) this.#items.push(this.#sighting('moved', ref));
    this.#moved.clear();
    this.#noteGone();
    this.#oneIn = 2 ** Math.max(0, Math.ceil(Math.log2(this.#messages / easyBatchMessages)));
    this.#messages = 0;
    if (this.#items.length === 0 && this.#lost === 0) return;
    const happened = frame('happened', { items: this.#items, lost: this.#lost });
    this.#items = [];
    this.#lost = 0;
    this.#send(happened);
  }

  /** XState does not report stopped actors. */
  #noteGone(): void {
    for (const [name, ref] of this.#alive) {
      if (statusOf(ref) === 'active') continue;
      this.#alive.delete(name);
      this.#items.push({ kind: 'gone', atMs: this.#deps.clock.now(), name });
    }
  }

  #send(text: string): void {
    for (const page of this.#pages) {
      if (page.stream.unreadBytes > maxUnreadBytes) page.isBehind = true;
      else if (page.isBehind) {
        page.isBehind = false;
        page.stream.write(frame('hello', this.#hello()));
      } else page.stream.write(text);
    }
  }
}

/**
 * A request's place among all requests, such that those followed at one in four are a subset of those at one in two.
 */
function placeOf(request: string): number {
  let place = 0;
  for (let at = 0; at < request.length; at++) place = (31 * place + request.charCodeAt(at)) >>> 0;
  return place;
}

const frame = (event: string, data: unknown): string => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
