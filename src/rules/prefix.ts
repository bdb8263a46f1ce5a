/**
 * How much of a prompt a sequence already holds. A model need not read again what its sequence read before, so a
 * conversation that goes on is answered sooner in the slot that had it last.
 *
 * Only what the same account asked is reused: a quick first token would tell strangers what others have asked. A private
 * mesh may lift that.
 *
 * Characters stand for tokens here; the engine compares the tokens themselves.
 */

/** The parts of a prompt that a model reads in order. */
export interface Conversation {
  readonly prompt?: string | undefined;
  readonly messages?: readonly { readonly role: string; readonly content: string }[] | undefined;
}

/** What a sequence read last. */
export interface Held {
  readonly account: string;
  readonly conversation: Conversation;
  /** Monotonic. */
  readonly sinceMs: number;
}

/**
 * Characters of `asked` that the sequence has read, if they may be reused and are at least half of what it holds: with
 * less, as where two conversations share only a system prompt, the sequence would lose more than is saved.
 */
export function reusable(held: Held | undefined, account: string, asked: Conversation, sharesPrefix: boolean): number {
  if (held === undefined || !(sharesPrefix || held.account === account)) return 0;
  const before = partsOf(held.conversation);
  const common = commonPrefix(before, partsOf(asked));
  return 2 * common >= before.reduce((sum, { length }) => sum + length, 0) ? common : 0;
}

function commonPrefix(before: readonly string[], asked: readonly string[]): number {
  let common = 0;
  for (const [i, part] of asked.entries()) {
    const other = before[i] ?? '';
    if (part !== other) return common + commonLength(part, other);
    common += part.length;
  }
  return common;
}

const partsOf = ({ prompt, messages = [] }: Conversation): readonly string[] =>
  prompt === undefined ? messages.flatMap(({ role, content }) => [role, content]) : [prompt];

function commonLength(one: string, other: string): number {
  const most = Math.min(one.length, other.length);
  let length = 0;
  while (length < most && one.charCodeAt(length) === other.charCodeAt(length)) length++;
  return length;
}
