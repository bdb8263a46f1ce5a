/** Where a model can come from: the mesh, as far as somebody offers it just now, then the address of the catalog, or one that was given. */
import type { CatalogEntry } from '../../gguf/catalog.js';
import type { ModelSource } from '../../machines/fetch.js';
import type { ModelCard } from '../../protocol/model-card.js';
import type { Offer } from './shelves.js';

export interface SourceQuestion {
  /** A name, a SHA-256, or a URI. */
  readonly wanted: string;
  readonly catalog: readonly CatalogEntry[];
  readonly offers: readonly Offer[];
  /** Keys of seeders; where there are some, others are not heard. */
  readonly trusted: readonly string[];
}

/** In the order in which they are to be tried; the mesh first. What many offer comes before what one offers under the same name. */
export function sourcesOf({ wanted, catalog, offers, trusted }: SourceQuestion): readonly ModelSource[] {
  const entry = catalog.find(({ name, uri }) => name === wanted.toLowerCase() || uri === wanted);
  const named = (card: ModelCard): boolean =>
    card.sha256 === wanted || (entry?.sha256 === undefined ? card.name === wanted.toLowerCase() : card.sha256 === entry.sha256);
  const heard = offers.filter(({ peerKey, card }) => (trusted.length === 0 || trusted.includes(peerKey)) && named(card));
  const byContent = new Map<string, { readonly card: ModelCard; seeders: number }>();
  for (const { card } of heard) {
    const key = `${card.sha256} ${card.tree} ${card.bytes}`;
    const known = byContent.get(key);
    if (known === undefined) byContent.set(key, { card, seeders: 1 });
    else known.seeders++;
  }
  const mesh = [...byContent.values()]
    .sort((a, b) => b.seeders - a.seeders)
    .map(({ card: { name, ...content } }): ModelSource => ({ kind: 'mesh', name, content, memoryBytes: entry?.memoryBytes }));
  const uri = entry?.uri ?? (/^(hf|https?):/.test(wanted) ? wanted : undefined);
  return uri === undefined ? mesh : [...mesh, fromAddress(uri, entry)];
}

const fromAddress = (uri: string, entry: CatalogEntry | undefined): ModelSource => ({
  kind: 'uri',
  name: entry?.name ?? nameOf(uri),
  uri,
  bytes: entry === undefined || entry.bytesApproximate ? undefined : entry.bytes,
  aboutBytes: entry?.bytes,
  sha256: entry?.sha256,
  memoryBytes: entry?.memoryBytes,
});

/** The file's name without `.gguf`, as a worker would find it. */
const nameOf = (uri: string): string =>
  (uri.split(/[?#]/)[0]?.split('/').at(-1) ?? uri).replace(/\.gguf$/i, '').toLowerCase();
