/** The trees drawn in docs/architecture.md are the ones that run: the same names in the same places. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AnyActorRef } from 'xstate';
import { expect, it } from 'vitest';
import { everyActor } from '../support/crash.js';
import { World } from './world/world.js';

const page = readFileSync(join(import.meta.dirname, '../../docs/architecture.md'), 'utf8');

/** The paths of a drawn tree, from the first word of each line. */
function drawn(heading: string): string[] {
  const text = page.slice(page.indexOf(heading));
  const tree = /^ {4}root\b.*\n(?: {4}.*\n)+/m.exec(text)?.[0] ?? '';
  const trail: string[] = [];
  return tree.split('\n').flatMap((line) => {
    const [, indent = '', name] = /^ {4}([ │├└─]*)([\w.-]+)/.exec(line) ?? [];
    if (name === undefined) return [];
    trail.splice(indent.length / 3, trail.length, name);
    return [trail.join('/')];
  });
}

/** The running actors' paths in start order, with N and M for numbers, without the internals of an actor. */
const running = (root: AnyActorRef): string[] => [
  ...new Set(
    everyActor(root)
      .map(({ path }) => path.replace(/\.\d+\.\d+/, '.N.M').replaceAll(/\.\d+/g, '.N'))
      .filter((path) => !/\/(process|node|swarm|connection|pipeline|share|server|answer)$/.test(path)),
  ),
];

const world = new World(1);
const worker = world.startWorker({ admin: { open: () => ({ close: () => {} }) } });
const client = world.startClient();
const stream = world.ask(client, { prompt: 'count from 7', options: { maxTokens: 1_000 } });
if (!world.clock.runUntil(() => stream.text.length > 20, 20_000)) throw new Error('the stream did not begin');
world.startWorker();
const met = (): boolean => everyActor(worker.tree.root).some(({ path }) => path.includes('score-peer.'));
if (!world.clock.runUntil(met, 20_000)) throw new Error('no other worker was met');

it('a worker', () => {
  const topics = (path: string): string => path.replace(/topic\.\w+$/, 'topic.X');
  expect([...new Set(running(worker.tree.root).map(topics))]).toEqual(drawn("This is the worker's tree"));
});

it('a client', () => {
  expect(running(client.tree.root)).toEqual(drawn("And a client's"));
});
