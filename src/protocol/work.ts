/**
 * Proof of work: what is hashed, and how the result is read. SHA-256 of `qmesh/2/work`, a newline, challenge, client, id and
 * nonce, all as text one after another, must begin with so many zero bits. The lengths of challenge and client are fixed, so
 * no two claims are the same text but by moving characters between id and nonce, which wins nothing: both are the client's own.
 */
import { hash } from 'node:crypto';

export interface WorkTask {
  /** 32 hex characters, from the worker. */
  readonly challenge: string;
  /** The account that asks, 64 hex characters. */
  readonly client: string;
  /** Of the request. */
  readonly id: string;
  /** How many zero bits. */
  readonly bits: number;
}

const textOf = ({ challenge, client, id }: WorkTask): string => `qmesh/2/work\n${challenge}${client}${id}`;

export const provesWork = (task: WorkTask, nonce: string): boolean =>
  leadingZeroBits(sha256(textOf(task) + nonce)) >= task.bits;

/** The first of the nonces `from`, `from` + 1, … that proves it; undefined where none of `count` does. */
export function findNonce(task: WorkTask, from: number, count: number): string | undefined {
  const text = textOf(task);
  for (let number = from; number < from + count; number++) {
    const nonce = number.toString(16);
    if (leadingZeroBits(sha256(text + nonce)) >= task.bits) return nonce;
  }
  return undefined;
}

const sha256 = (text: string): Uint8Array => hash('sha256', text, 'buffer');

function leadingZeroBits(bytes: Uint8Array): number {
  let bits = 0;
  for (const byte of bytes) {
    if (byte !== 0) return bits + Math.clz32(byte) - 24;
    bits += 8;
  }
  return bits;
}
