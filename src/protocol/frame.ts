/**
 * Bytes ↔ JSON objects: `[4 bytes: N, unsigned, big-endian] [N bytes: one JSON object, UTF-8]`.
 *
 * A decoder belongs to one connection and never throws, whatever bytes it gets. It holds at most one header and one
 * body: a frame that lies entirely in one chunk is parsed in place, any other is copied once. How the bytes were split
 * into chunks never affects the outcome. The first refusal is final, since after it nothing shows where the next frame
 * begins.
 */
import { limits } from './limits.js';

const headerBytes = 4;

/** Why bytes are not a frame. Each reason ends the connection (docs/protocol.md, Frames). */
export type RefusalReason = 'length_zero' | 'too_large' | 'not_utf8' | 'too_deep' | 'not_json' | 'not_object';

export type FrameObject = Record<string, unknown>;

export type FrameOutcome =
  | { readonly kind: 'object'; readonly value: FrameObject }
  | { readonly kind: 'refusal'; readonly reason: RefusalReason };

/** The message does not fit into a frame; its author must say less. */
export class FrameTooLargeError extends RangeError {
  constructor(
    readonly frameBytes: number,
    readonly maxFrameBytes: number,
  ) {
    super(`a message of ${frameBytes} bytes does not fit a frame of at most ${maxFrameBytes}`);
    this.name = 'FrameTooLargeError';
  }
}

/**
 * One buffer of header and body, ready to write.
 * @throws FrameTooLargeError, since a frame that the other side must refuse is never sent
 */
export function encodeFrame(message: object, maxFrameBytes: number = limits.maxFrameBytes): Uint8Array {
  const body = JSON.stringify(message);
  const bodyBytes = Buffer.byteLength(body);
  if (bodyBytes > maxFrameBytes) throw new FrameTooLargeError(bodyBytes, maxFrameBytes);
  const frame = Buffer.allocUnsafe(headerBytes + bodyBytes);
  frame.writeUInt32BE(bodyBytes);
  frame.write(body, headerBytes);
  return frame;
}

export interface FrameDecoderOptions {
  readonly maxFrameBytes?: number;
}

export class FrameDecoder {
  readonly #maxFrameBytes: number;
  readonly #header = new Uint8Array(headerBytes);
  #headerFilled = 0;
  /** Present while a body is being collected. Its memory is reserved at once, and touched only as bytes arrive. */
  #body: Uint8Array | undefined;
  #bodyFilled = 0;
  #frameCount = 0;
  #refused = false;

  constructor({ maxFrameBytes = limits.maxFrameBytes }: FrameDecoderOptions = {}) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** The frames that these bytes complete, in order. Nothing more after a refusal. */
  push(bytes: Uint8Array): FrameOutcome[] {
    return this.pushSome(bytes, Infinity).outcomes;
  }

  /** Like `push`, but at most `maxFrames` frames. `rest` is what follows them, to be pushed later. */
  pushSome(bytes: Uint8Array, maxFrames: number): { readonly outcomes: FrameOutcome[]; readonly rest: Uint8Array } {
    const outcomes: FrameOutcome[] = [];
    let at = 0;
    while (at < bytes.length && outcomes.length < maxFrames && !this.#refused) {
      if (this.#body === undefined) {
        at += this.#fillHeader(bytes, at);
        if (this.#headerFilled < headerBytes) break;
        const bodyBytes = this.#bodyBytes();
        if (bodyBytes === 0) outcomes.push(this.#refuse('length_zero'));
        else if (bodyBytes > this.#maxFrameBytes) outcomes.push(this.#refuse('too_large'));
        else if (bytes.length - at >= bodyBytes) {
          outcomes.push(this.#complete(bytes.subarray(at, at + bodyBytes)));
          at += bodyBytes;
        } else this.#body = Buffer.allocUnsafeSlow(bodyBytes);
      } else {
        at += this.#fillBody(this.#body, bytes, at);
        if (this.#bodyFilled === this.#body.length) outcomes.push(this.#complete(this.#body));
      }
    }
    return { outcomes, rest: this.#refused ? bytes.subarray(bytes.length) : bytes.subarray(at) };
  }

  /** A frame has begun and is not complete. */
  get partial(): boolean {
    return this.#headerFilled > 0;
  }

  /**
   * Frames completed so far. The connection's owner uses it to time incomplete frames: if `partial` is true after a
   * push, start a timer of `incompleteFrameMs`; if it fires with `partial` true and `frameCount` unchanged, one frame
   * was held open all that time.
   */
  get frameCount(): number {
    return this.#frameCount;
  }

  /** Bytes held of the incomplete frame, header included. Never more than one frame and its header. */
  get bufferedBytes(): number {
    return this.#headerFilled + this.#bodyFilled;
  }

  #fillHeader(bytes: Uint8Array, at: number): number {
    const taken = Math.min(headerBytes - this.#headerFilled, bytes.length - at);
    this.#header.set(bytes.subarray(at, at + taken), this.#headerFilled);
    this.#headerFilled += taken;
    return taken;
  }

  #fillBody(body: Uint8Array, bytes: Uint8Array, at: number): number {
    const taken = Math.min(body.length - this.#bodyFilled, bytes.length - at);
    body.set(bytes.subarray(at, at + taken), this.#bodyFilled);
    this.#bodyFilled += taken;
    return taken;
  }

  #bodyBytes(): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.#header;
    return a * 0x1000000 + (b << 16) + (c << 8) + d;
  }

  #complete(body: Uint8Array): FrameOutcome {
    this.#forget();
    this.#frameCount += 1;
    const parsed = parseBody(body);
    return typeof parsed === 'string' ? this.#refuse(parsed) : { kind: 'object', value: parsed };
  }

  #refuse(reason: RefusalReason): FrameOutcome {
    this.#forget();
    this.#refused = true;
    return { kind: 'refusal', reason };
  }

  #forget(): void {
    this.#headerFilled = 0;
    this.#body = undefined;
    this.#bodyFilled = 0;
  }
}

/** A byte order mark is kept, so that it is refused as invalid JSON (RFC 8259, 8.1, forbids sending one). */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The object in a body, or why there is none. A `__proto__` key becomes a plain property: JSON.parse sets no
 * prototypes.
 */
function parseBody(body: Uint8Array): FrameObject | RefusalReason {
  let text: string;
  try {
    text = utf8.decode(body);
  } catch {
    return 'not_utf8';
  }
  if (nestsDeeperThan(limits.maxNestingDepth, body)) return 'too_deep';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'not_json';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'not_object';
  return value as FrameObject;
}

const [quote, backslash, openBracket, closeBracket, openBrace, closeBrace] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Counts brackets outside strings, before anything is built or recursed into. In UTF-8 no byte of a longer character
 * looks like one of these, so comparing bytes is safe. Exact for JSON; for other text it does not matter.
 */
function nestsDeeperThan(maxDepth: number, json: Uint8Array): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i];
    if (inString) {
      if (byte === backslash) i += 1;
      else if (byte === quote) inString = false;
    } else if (byte === quote) inString = true;
    else if (byte === openBrace || byte === openBracket) {
      depth += 1;
      if (depth > maxDepth) return true;
    } else if (byte === closeBrace || byte === closeBracket) depth -= 1;
  }
  return false;
}
