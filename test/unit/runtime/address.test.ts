/** Addresses to listen at: read as people write them, and written as they are read. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { isLoopback, parseAddress, writtenAddress } from '../../../src/runtime/address.js';

it('is read back as it was written', () => {
  const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain(), fc.constant('localhost'));
  fc.assert(
    fc.property(host, fc.integer({ min: 0, max: 65_535 }), (name, port) => {
      expect(parseAddress(writtenAddress({ host: name, port }))).toEqual({ host: name, port });
    }),
  );
});

it.each(['', '8080', ':8080', '127.0.0.1', '127.0.0.1:', '127.0.0.1:65536', '::1:80', 'http://a:1', 'a b:1', 'a:1 '])(
  '%j is none',
  (text) => {
    expect(parseAddress(text)).toBeUndefined();
  },
);

it('is of this machine alone, or not', () => {
  const on = (host: string): boolean => isLoopback({ host, port: 1 });
  expect(['127.0.0.1', '127.9.9.9', '::1', 'localhost'].filter((host) => !on(host))).toEqual([]);
  expect(['0.0.0.0', '::', '192.168.1.1', 'localhost.example', '127.example', '1127.0.0.1'].filter(on)).toEqual([]);
});
