/**
 * Who offers which models: each node tells its cards on every connection, at its opening and when they change. Beside Hypercore's own
 * messages, on the same connection.
 */
import Hypercore, { type Encoding } from 'hypercore';
import type { NoiseStream } from 'hyperswarm';
import { decodeShelf, encodeShelf, modelsProtocol, type ModelCard } from '../../protocol/model-card.js';

export interface Offer {
  readonly peerKey: string;
  readonly card: ModelCard;
}

export interface Shelves {
  /** Opens the channel on a connection. A peer that says what is no shelf is disconnected. */
  attach(stream: NoiseStream): void;
  /** This node's cards, from now on. */
  offer(cards: readonly ModelCard[]): void;
  /** Of everybody who is connected. */
  readonly offers: readonly Offer[];
}

interface Shelf {
  readonly cards: readonly ModelCard[];
  tell(this: void, bytes: Uint8Array): void;
}

/** A message is its bytes, to the last. */
const wholeMessage: Encoding = {
  preencode: (state, bytes) => void (state.end += bytes.byteLength),
  encode(state, bytes) {
    state.buffer.set(bytes, state.start);
    state.start += bytes.byteLength;
  },
  decode(state) {
    const bytes = state.buffer.slice(state.start, state.end);
    state.start = state.end;
    return bytes;
  },
};

export function createShelves(changed: () => void): Shelves {
  const shelves = new Map<string, Shelf>();
  let own = encodeShelf([]);

  return {
    attach(stream) {
      const peerKey = Buffer.from(stream.remotePublicKey).toString('hex');
      Hypercore.createProtocolStream(stream); // the mux that Hypercore itself uses
      const channel = Hypercore.getProtocolMuxer(stream).createChannel({
        protocol: modelsProtocol,
        messages: [{ encoding: wholeMessage, onmessage: heard }],
        onopen: () => tell(own),
      });
      if (channel === null) return; // this connection has one already
      const tell = (bytes: Uint8Array): void => void channel.messages[0].send(bytes);
      const shelf: Shelf = { cards: [], tell };
      shelves.set(peerKey, shelf);
      stream.on('close', () => {
        if (shelves.get(peerKey)?.tell !== tell) return;
        shelves.delete(peerKey);
        changed();
      });
      channel.open();

      function heard(bytes: Uint8Array): void {
        const cards = decodeShelf(bytes);
        if (cards === undefined) stream.destroy();
        else if (shelves.get(peerKey)?.tell === tell) {
          shelves.set(peerKey, { cards, tell });
          changed();
        }
      }
    },
    offer(cards) {
      own = encodeShelf(cards);
      for (const { tell } of shelves.values()) tell(own);
    },
    get offers() {
      return [...shelves].flatMap(([peerKey, { cards }]) => cards.map((card) => ({ peerKey, card })));
    },
  };
}
