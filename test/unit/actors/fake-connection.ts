/** A connection without a network: keeps what was written to it, as messages. */
import type { Connection, ConnectionEvents } from '../../../src/actors/ports.js';
import { decodeMessage } from '../../../src/protocol/decode.js';
import { FrameDecoder } from '../../../src/protocol/frame.js';
import type { InferenceMessage } from '../../../src/protocol/messages.js';

export class FakeConnection implements Connection {
  readonly initiator = true;
  readonly remoteAddress = undefined;
  unsentBytes = 0;
  isDestroyed = false;
  readonly written: InferenceMessage[] = [];
  onWrite: (message: InferenceMessage) => void = () => {};
  onDestroy: () => void = () => {};
  readonly #decoder = new FrameDecoder();

  constructor(readonly remoteKey = 'peer') {}

  write(bytes: Uint8Array): void {
    if (this.isDestroyed) throw new Error('written to after its end');
    for (const outcome of this.#decoder.push(bytes)) {
      const decoded = outcome.kind === 'refusal' ? outcome : decodeMessage(outcome.value);
      if (decoded.kind !== 'message') throw new Error(`not a message: ${JSON.stringify(decoded)}`);
      this.written.push(decoded.message);
      this.onWrite(decoded.message);
    }
  }

  destroy(): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.onDestroy();
  }

  end(): void {
    this.destroy();
  }

  listen(_on: ConnectionEvents): void {}

  /** The ends written for `id`. */
  endsOf(id: string): InferenceMessage[] {
    return this.written.filter(
      (message) =>
        ['inference_result', 'inference_error'].includes(message.type) && 'id' in message && message.id === id,
    );
  }
}
