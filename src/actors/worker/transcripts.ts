/**
 * What each unfinished request has said so far, and the results of recently finished ones. Kept beside the scheduler's
 * machine as plain data; tokens are appended here on their way to the peer.
 */
import { limits } from '../../protocol/limits.js';
import { protocolVersion, type InferenceResultMessage } from '../../protocol/messages.js';
import type { Outboxes } from './outboxes.js';

/** Results kept for clients that lost theirs. */
const maxResults = 1_000;
/** Text of all kept results, in UTF-16 units: about 32 MiB of memory. */
const maxResultChars = 16 * 1_048_576;

interface Transcript {
  readonly id: string;
  streams: boolean;
  peer: string;
  /** Index of the next token frame on the current connection. */
  index: number;
  /** The text the client held when it asked; the answer continues it. */
  resumeText: string;
  /** Number of runs begun. Only the latest may append text. */
  runs: number;
  /** What this worker has said since, over all runs. */
  text: string;
  tokens: number;
  /** Length of the part of `text` that the current connection already has: it asked again with a longer resume text. */
  known: number;
  firstTokenAtMs: number | undefined;
}

interface Stored {
  /** The text the client already held; `message.text` continues it. */
  readonly resumeText: string;
  readonly message: InferenceResultMessage;
  /** Hash of the prompt, if it came with an order. */
  readonly promptHash: string | undefined;
}

interface Kept extends Stored {
  readonly untilMs: number;
}

export class Transcripts {
  readonly #outboxes: Outboxes;
  readonly #monotonicMs: () => number;
  readonly #open = new Map<string, Transcript>();
  readonly #results = new Map<string, Kept>();
  #resultChars = 0;

  constructor(outboxes: Outboxes, monotonicMs: () => number) {
    this.#outboxes = outboxes;
    this.#monotonicMs = monotonicMs;
  }

  begin(key: string, request: { id: string; peer: string; streams: boolean; resumeText: string }): void {
    this.#open.set(key, { ...request, index: 0, runs: 0, text: '', tokens: 0, known: 0, firstTokenAtMs: undefined });
  }

  /**
   * Begins a run for this request, the first or a later one. It continues after `resumeText`, which is everything said
   * so far, including what the client brought along. From now on only this run may append: an earlier one may not know
   * yet that it was given up.
   */
  beginRun(key: string): { readonly resumeText: string; readonly append: (text: string, tokens: number) => void } {
    const transcript = this.#open.get(key);
    if (transcript === undefined) return { resumeText: '', append: () => {} };
    const run = ++transcript.runs;
    return {
      resumeText: transcript.resumeText + transcript.text,
      append: (text, tokens) => {
        if (this.#open.get(key) === transcript && transcript.runs === run) this.#append(transcript, text, tokens);
      },
    };
  }

  /** Whether `resumeText` is a prefix of this answer, and not shorter than what the client held when it first asked. */
  hasSaid(key: string, resumeText: string): boolean {
    const transcript = this.#open.get(key);
    if (transcript === undefined || resumeText.length < transcript.resumeText.length) return false;
    return (transcript.resumeText + transcript.text).startsWith(resumeText);
  }

  /**
   * Moves the request to another connection of its client, which holds `resumeText` and may or may not stream. The text
   * that connection has not seen is sent as its first tokens. The caller must have checked `hasSaid`.
   */
  move(key: string, { peer, streams, resumeText }: Pick<Transcript, 'peer' | 'streams' | 'resumeText'>): void {
    const transcript = this.#open.get(key);
    if (transcript === undefined) return;
    this.#outboxes.release(transcript.peer, transcript.id);
    transcript.peer = peer;
    transcript.streams = streams;
    transcript.index = 0;
    transcript.known = resumeText.length - transcript.resumeText.length;
    this.#outboxes.open(peer, transcript.id);
    const unseen = transcript.text.slice(transcript.known);
    if (unseen !== '') this.#stream(transcript, unseen, transcript.tokens);
  }

  /** Returns what the result says of this request, and forgets it. `firstTokenAtMs` is on the monotonic clock. */
  take(key: string): { resumeText: string; text: string; tokens: number; firstTokenAtMs: number | undefined } {
    const transcript = this.#open.get(key);
    this.#open.delete(key);
    if (transcript === undefined) return { resumeText: '', text: '', tokens: 0, firstTokenAtMs: undefined };
    const { resumeText, text, tokens, known, firstTokenAtMs } = transcript;
    return { resumeText: resumeText + text.slice(0, known), text: text.slice(known), tokens, firstTokenAtMs };
  }

  clear(): void {
    this.#open.clear();
  }

  /** Keeps a result for a client that comes back for it. */
  store(key: string, stored: Stored): void {
    this.#forget(key);
    this.#results.set(key, { ...stored, untilMs: this.#monotonicMs() + limits.storedResultMs });
    this.#resultChars += stored.message.text.length;
    for (const [oldest, { untilMs }] of this.#results) {
      const isOver = untilMs <= this.#monotonicMs();
      if (!isOver && this.#results.size <= maxResults && this.#resultChars <= maxResultChars) break;
      this.#forget(oldest);
    }
  }

  /**
   * The kept result, cut to what follows `resumeText`. Undefined if there is none, or if it does not begin with that
   * text.
   */
  result(key: string, resumeText: string): Pick<Stored, 'message' | 'promptHash'> | undefined {
    const stored = this.#results.get(key);
    if (stored === undefined || stored.untilMs <= this.#monotonicMs()) return undefined;
    const { message, promptHash } = stored;
    const whole = stored.resumeText + message.text;
    if (!whole.startsWith(resumeText)) return undefined;
    return { promptHash, message: { ...message, text: whole.slice(resumeText.length) } };
  }

  #forget(key: string): void {
    this.#resultChars -= this.#results.get(key)?.message.text.length ?? 0;
    this.#results.delete(key);
  }

  /** Sends new text straight to the peer. */
  #append(transcript: Transcript, text: string, tokens: number): void {
    transcript.firstTokenAtMs ??= this.#monotonicMs();
    transcript.text += text;
    transcript.tokens += tokens;
    this.#stream(transcript, text, tokens);
  }

  #stream(transcript: Transcript, text: string, tokens: number): void {
    if (!transcript.streams) return;
    const { id, index } = transcript;
    transcript.index++;
    this.#outboxes.send(transcript.peer, { v: protocolVersion, type: 'inference_token', id, index, text, tokens });
  }
}
