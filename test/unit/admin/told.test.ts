import fc from 'fast-check';
import { createActor, createMachine } from 'xstate';
import { expect, it } from 'vitest';
import { requestOfMessage, told } from '../../../src/admin/told.js';

const somebody = createActor(createMachine({ id: 'peer' })).start();
const secret = 'the prompt of somebody';

it('of a message nothing is told but its type, its request and the fields that are named for it', () => {
  const anything = fc.object({ values: [fc.constant(secret), fc.integer()], maxDepth: 3 });
  const named = ['slot', 'run', 'id', 'key', 'peer', 'network', 'state', 'reason'];
  fc.assert(
    fc.property(anything, fc.dictionary(fc.stringMatching(/^[a-z]{1,9}$/), fc.constant(secret)), (deep, flat) => {
      const others = Object.fromEntries(Object.entries({ ...deep, ...flat }).filter(([key]) => !named.includes(key)));
      const event = { ...others, type: 'prompt.received', prompt: { id: 'r1', prompt: secret, messages: [secret] } };
      expect(JSON.stringify(told(event, requestOfMessage(somebody, event)))).not.toContain(secret);
    }),
  );
});

it('names the request that a message is about, wherever the message has it', () => {
  const requests = [
    { run: 'account/r1#4.0' },
    { order: { run: 'account/r1#4.0', request: { prompt: secret } } },
    { prompt: { id: 'r1' } },
    { output: { key: 'account/r1' } },
    { id: 'r1' },
  ].map((fields) => requestOfMessage(somebody, { type: 'x', ...fields }));
  expect(new Set(requests)).toEqual(new Set(['r1']));
});

it('calls timers and ends what their charts call them', () => {
  const types = ['xstate.after.tickMs.scheduler.serving.lined', 'xstate.done.actor.process', 'xstate.error.actor.x:7'];
  expect(types.map((type) => told({ type }, undefined).type)).toEqual(['after tickMs', 'done: process', 'error: x']);
});
