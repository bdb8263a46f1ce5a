/**
 * `hello`: the proof that the identity `node` stands behind a connection whose Noise key is another one. It is signed
 * over the network and that key, so it serves on no other connection and in no other network.
 */
import type { KeyPair } from './keys.js';
import type { HelloMessage } from './messages.js';
import { sign, verify } from './signing.js';

export interface HelloSubject {
  /** The topic's name, prefix included. */
  readonly network: string;
  /** The Noise key of the end that says hello, hex. */
  readonly key: string;
}

/** @param role `client` on the score network: that end looks up and attests nothing. It is not signed, since it speaks of this connection alone. */
export function createHello({ network, key }: HelloSubject, identity: KeyPair, role?: 'client'): HelloMessage {
  const node = identity.publicKeyHex;
  const signature = sign('hello', { network, node, key }, identity);
  return { v: 2, type: 'hello', node, key, signature, ...(role === undefined ? {} : { role }) };
}

/** True where the hello was made for this connection by the identity it names. `key`: as the connection itself knows it. */
export function verifyHello(hello: HelloMessage, { network, key }: HelloSubject): boolean {
  return hello.key === key && verify('hello', { network, node: hello.node, key }, hello.signature, hello.node);
}
