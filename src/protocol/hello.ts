/**
 * `hello`: proof that the identity `node` is behind a connection that uses another Noise key. It signs the network and
 * that key, so it is valid for no other connection and in no other network.
 */
import type { KeyPair } from './keys.js';
import type { HelloMessage } from './messages.js';
import { sign, verify } from './signing.js';

export interface HelloSubject {
  /** The topic's name, prefix included. */
  readonly network: string;
  /** The sender's Noise key, hex. */
  readonly key: string;
}

/**
 * @param role `client` on the score network: this end looks up and attests nothing. Not signed, since it concerns only
 * this connection
 */
export function createHello({ network, key }: HelloSubject, identity: KeyPair, role?: 'client'): HelloMessage {
  const node = identity.publicKeyHex;
  const signature = sign('hello', { network, node, key }, identity);
  return { v: 2, type: 'hello', node, key, signature, ...(role === undefined ? {} : { role }) };
}

/**
 * Whether the hello was made for this connection by the identity it names. `key` is the one the connection itself
 * reports.
 */
export function verifyHello(hello: HelloMessage, { network, key }: HelloSubject): boolean {
  return hello.key === key && verify('hello', { network, node: hello.node, key }, hello.signature, hello.node);
}
