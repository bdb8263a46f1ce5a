/**
 * Proof of work: what is hashed, and how the result is read. The SHA-256 of `qmesh/2/work`, a newline, challenge,
 * client, id and nonce, concatenated as text, must begin with a given number of zero bits. Challenge and client have
 * fixed lengths, so two different claims can only have the same text by moving characters between id and nonce, which
 * gains nothing: both are the client's own.
 */
import { hash } from 'node:crypto';

export interface WorkTask {
  /** 32 hex characters, from the worker. */
  readonly challenge: string;
  /** The account that asks, 64 hex characters. */
  readonly client: string;
  /** The request's id. */
  readonly id: string;
  /** Required zero bits. */
  readonly bits: number;
}

const textOf = ({ challenge, client, id }: WorkTask): string => `qmesh/2/work\n${challenge}${client}${id}`;

export const provesWork = (task: WorkTask, nonce: string): boolean =>
  leadingZeroBits(sha256(textOf(task) + nonce)) >= task.bits;

/** The first of the nonces `from`, `from` + 1, … that is a proof; undefined if none of `count` is. */
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
