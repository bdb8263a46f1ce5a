/**
 * Hash and length of a prompt or an answer, as orders and receipts contain them. Only client and worker know the salt,
 * so that nobody who sees the hash can guess at the text.
 */
import { createHash } from 'node:crypto';
import type { ChatMessage } from './run.js';
import { isWellFormed, signableJson } from './signing.js';

export interface TextFacts {
  /** SHA-256 of the salt's bytes and the text, hex. */
  readonly hash: string;
  /** Unicode code points. */
  readonly chars: number;
}

/** A prompt: exactly one of the two is present. */
export interface PromptText {
  readonly prompt?: string;
  readonly messages?: readonly ChatMessage[];
}

/** Undefined if the text has no UTF-8 because it contains a lone surrogate. @param salt 32 hex characters */
export function textFacts(text: string, salt: string): TextFacts | undefined {
  return isWellFormed(text) ? { hash: saltedHash(text, salt), chars: codePoints(text) } : undefined;
}

/**
 * For a conversation: the hash of its canonical JSON, role and content only, and the code points of every `content`.
 */
export function promptFacts({ prompt, messages = [] }: PromptText, salt: string): TextFacts | undefined {
  if (prompt !== undefined) return textFacts(prompt, salt);
  const spoken = messages.map(({ role, content }) => ({ role, content }));
  if (!spoken.every(({ role, content }) => isWellFormed(role) && isWellFormed(content))) return undefined;
  const chars = spoken.reduce((sum, { content }) => sum + codePoints(content), 0);
  return { hash: saltedHash(signableJson(spoken), salt), chars };
}

function saltedHash(text: string, salt: string): string {
  return createHash('sha256').update(Buffer.from(salt, 'hex')).update(text, 'utf8').digest('hex');
}

/** Counts without building an array: a prompt may have a million. */
function codePoints(text: string): number {
  let pairs = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0xd800 && unit < 0xdc00) pairs++;
  }
  return text.length - pairs;
}
