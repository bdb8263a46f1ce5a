/**
 * Reads the cards in another node's Hyperdrive. Its contents are untrusted: following its tree of pointers could lead
 * in circles. So the changes are read in sequence instead, up to a limit, and no file is read that is larger than a
 * card can be.
 */
import Hyperdrive from 'hyperdrive';
import type Corestore from 'corestore';
import { cardsFolder, decodeCard, maxCardBytes, maxCards, type ModelCard } from '../../protocol/model-card.js';
import { keyOf } from './model-key.js';

/** A shelf with more changes is not read. Its owner opens a new one each time its process starts. */
const maxChanges = 4_096;
/** Limit for the index, and for the cards behind it. */
const maxDriveBytes = 16 << 20;
/** The owner is connected, and so are others that may have the block. */
const blockMs = 30_000;

const cardName = new RegExp(`${cardsFolder}/([0-9a-f]{64})\\.json$`);

export class ShelfReader {
  readonly #drive: Hyperdrive;
  readonly #heard: (cards: readonly ModelCard[]) => void;
  #isReading = false;
  #isStale = false;
  #isOver = false;

  /** @param heard is given all cards, again after each change; none if they cannot be read */
  constructor(cores: Corestore, key: Uint8Array, heard: (cards: readonly ModelCard[]) => void) {
    this.#heard = heard;
    this.#drive = new Hyperdrive(cores.session(), key);
    this.#drive.core.on('append', () => this.#look());
    this.#look();
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#drive.close().catch(() => {});
  }

  /** One read at a time, followed by another if something changed meanwhile. */
  #look(): void {
    this.#isStale = true;
    if (this.#isReading || this.#isOver) return;
    this.#isReading = true;
    this.#isStale = false;
    void this.#read()
      .catch(() => [])
      .then((cards) => {
        this.#isReading = false;
        if (this.#isOver) return;
        this.#heard(cards);
        if (this.#isStale) this.#look();
      });
  }

  async #read(): Promise<readonly ModelCard[]> {
    await this.#drive.ready();
    const { core, db } = this.#drive;
    if (core.length === 0 || core.length > maxChanges || core.byteLength > maxDriveBytes) return [];
    const places = new Map<string, number>();
    for await (const { type, key, value } of db.createHistoryStream({ limit: maxChanges })) {
      const [, sha256] = cardName.exec(key) ?? [];
      const place = placeOf(value);
      if (sha256 === undefined) continue;
      if (type === 'put' && place !== undefined) places.set(sha256, place);
      else places.delete(sha256);
    }
    const blobs = await this.#drive.getBlobs();
    const cards: ModelCard[] = [];
    for (const [sha256, place] of [...places].slice(0, maxCards)) {
      if (blobs.core.byteLength > maxDriveBytes) return [];
      const card = decodeCard(await blobs.core.get(place, { timeout: blockMs }));
      if (card?.sha256 === sha256 && card.key === Buffer.from(keyOf(card)).toString('hex')) cards.push(card);
    }
    return cards;
  }
}

/** The block with a file's content; undefined if it has several, or is larger than a card can be. */
function placeOf(value: unknown): number | undefined {
  const { blob } = (value ?? {}) as { blob?: { blockOffset?: unknown; blockLength?: unknown; byteLength?: unknown } };
  const { blockOffset, blockLength, byteLength } = blob ?? {};
  const isCard = blockLength === 1 && typeof byteLength === 'number' && byteLength <= maxCardBytes;
  return isCard && Number.isSafeInteger(blockOffset) && Number(blockOffset) >= 0 ? Number(blockOffset) : undefined;
}
