/** Looking at a tree: messages and what they led to, for as long as somebody looks, and nothing else. */
import { createActor, setup, type InspectionEvent } from 'xstate';
import { expect, it } from 'vitest';
import { lookAt, type Seen } from '../../../src/runtime/actor-system.js';

const lamp = setup({ actions: { click: () => {} } }).createMachine({
  id: 'lamp',
  initial: 'off',
  states: { off: { on: { press: { target: 'on', actions: 'click' } } }, on: { on: { press: 'off' } } },
});

it('shows messages and snapshots to each who looks, and to nobody who has stopped', () => {
  const inspected: InspectionEvent[] = [];
  const actor = createActor(lamp, { inspect: (event) => inspected.push(event) }).start();
  const [first, second]: [Seen[], Seen[]] = [[], []];
  const stopFirst = lookAt(actor.system, (seen) => first.push(seen));
  const stopSecond = lookAt(actor.system, (seen) => second.push(seen));
  actor.send({ type: 'press' });
  expect(first.map(({ type, event }) => [type, event.type])).toEqual([
    ['@xstate.event', 'press'],
    ['@xstate.snapshot', 'press'],
  ]);
  stopFirst();
  actor.send({ type: 'press' });
  stopSecond();
  actor.send({ type: 'press' });
  expect([first.length, second.length]).toEqual([2, 4]);
  // who inspects by XState's own way goes on, from the initial state
  expect(inspected.filter(({ type }) => type === '@xstate.snapshot')).toHaveLength(4);
  expect(inspected.some(({ type }) => type === '@xstate.action')).toBe(true);
});
