/**
 * Signatures in a simulation are real. But they are as genuine for one node as for another, and one key signs the same
 * bytes alike, so each is made once and checked once per process, for all nodes and seeds. That halves the cost of a
 * course.
 */
import crypto from 'hypercore-crypto';

/** Entries of each kind, some 100 MB in all. Beyond that, all entries of the kind are dropped. */
const maxRemembered = 50_000;

function onlyOnce<Parts extends Uint8Array[], Found>(find: (...parts: Parts) => Found): (...parts: Parts) => Found {
  const known = new Map<string, Found>();
  return (...parts) => {
    const key = Buffer.concat(parts).toString('latin1');
    let found = known.get(key);
    if (found === undefined) {
      if (known.size >= maxRemembered) known.clear();
      known.set(key, (found = find(...parts)));
    }
    return found;
  };
}

const real = { ...crypto };
crypto.keyPair = onlyOnce((seed: Uint8Array) => real.keyPair(seed));
crypto.sign = onlyOnce((message: Uint8Array, key: Uint8Array) => real.sign(message, key));
crypto.verify = onlyOnce((message: Uint8Array, signature: Uint8Array, key: Uint8Array) =>
  real.verify(message, signature, key),
);
