/** What stands between a node and the others, told from how they see it. */
import { expect, it } from 'vitest';
import { isPrivate, natOf } from '../../../src/rules/nat.js';

const own = ['192.168.1.5', '203.0.113.9'];
const at = (host: string, port = 1) => ({ host, port });

it.each([
  ['nobody answered', [], 'unknown'],
  ['all are on this machine', [at('127.0.0.1'), at('127.0.0.1', 2)], 'loopback'],
  ['they see an address of this machine', [at('192.168.1.5'), at('203.0.113.9')], 'none'],
  ['one alone sees another', [at('198.51.100.1')], 'translated'],
  ['all see the same one', [at('198.51.100.1', 7), at('198.51.100.1', 7)], 'consistent'],
  ['each sees another port', [at('198.51.100.1', 7), at('198.51.100.1', 8)], 'random'],
] as const)('%s', (_what, seen, nat) => expect(natOf(seen, own)).toBe(nat));

it('knows addresses that the world cannot reach', () => {
  for (const host of ['10.0.0.1', '172.16.0.1', '172.31.9.9', '192.168.0.1', '169.254.1.1', '100.64.0.1'])
    expect(isPrivate(host), host).toBe(true);
  for (const host of ['172.15.0.1', '172.32.0.1', '100.63.0.1', '100.128.0.1', '8.8.8.8', '11.0.0.1'])
    expect(isPrivate(host), host).toBe(false);
});
