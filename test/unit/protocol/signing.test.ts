import { createHash, createPublicKey, verify as opensslVerify } from 'node:crypto';
import canonicalize from 'canonicalize';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createHello, verifyHello } from '../../../src/protocol/hello.js';
import { keyPairFromSeed } from '../../../src/protocol/keys.js';
import type { HelloMessage } from '../../../src/protocol/messages.js';
import { sign, signedBytes, signedHash, verify } from '../../../src/protocol/signing.js';
import vectors from '../../vectors/hello.json' with { type: 'json' };

const identity = keyPairFromSeed(Buffer.from(vectors.seed, 'hex'));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');

/** OpenSSL, through Node: another implementation than the one under test. */
function verifiesWithOpenssl(bytes: Uint8Array, signatureHex: string, publicKeyHex: string): boolean {
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(publicKeyHex, 'hex')]);
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  return opensslVerify(null, bytes, key, Buffer.from(signatureHex, 'hex'));
}

describe('keyPairFromSeed', () => {
  it('gives the public key of RFC 8032, test 1', () => {
    const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
    expect(keyPairFromSeed(seed).publicKeyHex).toBe('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
  });

  it('refuses a seed of another length', () => {
    expect(() => keyPairFromSeed(new Uint8Array(31))).toThrow('a seed has 32 bytes, not 31');
  });
});

describe('signedBytes', () => {
  it('is the kind, a newline, and the canonical JSON without the signature', () => {
    const object = { b: [true, null, { z: 1, y: 'ä\n' }], a: 0, signature: 'left out' };
    expect(text(signedBytes('order', object))).toBe('qmesh/2/order\n{"a":0,"b":[true,null,{"y":"ä\\n","z":1}]}');
  });

  it('sorts keys by their UTF-16 units, as RFC 8785 does', () => {
    const object = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u{1f600}': 5, '\u0080': 6, '\u00f6': 7 };
    const order = [...text(signedBytes('order', object)).matchAll(/:(\d)/g)].map(([, digit]) => digit).join('');
    expect(order).toBe('2467153');
  });

  it.each([
    ['a fraction', { n: 0.5 }],
    ['a negative number', { n: -1 }],
    ['2^53', { n: 2 ** 53 }],
    ['NaN', { n: NaN }],
    ['a lone surrogate', { s: '\ud800' }],
    ['a lone surrogate in a key', { ['\udc00']: 1 }],
    ['undefined', { u: undefined }],
    ['a function', { f: () => 1 }],
    ['a mistake further down', { list: [{ n: 1e300 }] }],
  ])('refuses %s, which two languages could write differently', (_, object) => {
    expect(() => signedBytes('order', object)).toThrow(TypeError);
    expect(verify('order', object, 'ab'.repeat(64), identity.publicKeyHex)).toBe(false);
  });

  it('writes what is flat as the library writes it', () => {
    const word = fc.string({ unit: 'binary', maxLength: 8 });
    const value = fc.oneof(word, fc.maxSafeNat(), fc.boolean(), fc.constant(null));
    fc.assert(
      fc.property(fc.dictionary(word, value, { maxKeys: 6 }), ({ signature: _, ...object }) => {
        expect(text(signedBytes('order', object))).toBe(`qmesh/2/order\n${canonicalize(object)}`);
      }),
    );
  });

  it('gives the object its name', () => {
    const object = { a: 1, signature: 'x' };
    expect(signedHash('ack', object)).toBe(createHash('sha256').update('qmesh/2/ack\n{"a":1}').digest('hex'));
  });
});

describe('sign and verify', () => {
  it('agree with OpenSSL', () => {
    const object = { at: 5, text: 'größer 🦆' };
    const signature = sign('receipt', object, identity);
    expect(verify('receipt', object, signature, identity.publicKeyHex)).toBe(true);
    expect(verifiesWithOpenssl(signedBytes('receipt', object), signature, identity.publicKeyHex)).toBe(true);
  });

  it('keep the kinds apart', () => {
    const object = { at: 5 };
    expect(verify('ack', object, sign('receipt', object, identity), identity.publicKeyHex)).toBe(false);
  });
});

describe('hello', () => {
  it('is what another implementation signs', () => {
    expect(identity.publicKeyHex).toBe(vectors.node);
    expect(text(signedBytes('hello', { network: vectors.network, node: vectors.node, key: vectors.key }))).toBe(
      vectors.signedText,
    );
    expect(createHello(vectors, identity)).toEqual(vectors.valid);
    expect(verifyHello(vectors.valid as HelloMessage, vectors)).toBe(true);
  });

  it.each(vectors.invalid)('is refused: $why', ({ hello, network, key }) => {
    expect(verifyHello(hello as HelloMessage, { network, key })).toBe(false);
  });
});
