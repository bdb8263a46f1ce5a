/**
 * Signatures in a simulation are real. But one is as genuine for one node as for another, and the same key signs the same bytes alike: so each is made
 * once and checked once in this process, for whichever nodes and seeds, which is half of what a course costs.
 */
import crypto from 'hypercore-crypto';

/** Some 30 MB; beyond, all are forgotten. */
const maxRemembered = 50_000;

function onlyOnce<Found>(find: (...parts: Uint8Array[]) => Found): (...parts: Uint8Array[]) => Found {
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

const { keyPair, sign, verify } = crypto;
crypto.keyPair = onlyOnce(keyPair);
crypto.sign = onlyOnce(sign);
crypto.verify = onlyOnce(verify);
