/**
 * Lists where a model can come from: the mesh, if a node offers it now, then the catalog's address or the one that was
 * given.
 */
import type { CatalogEntry } from '../../gguf/catalog.js';
import type { ModelSource } from '../../machines/fetch.js';
import type { ModelCard } from '../../protocol/model-card.js';
import { isAddress, nameInAddress } from './model-address.js';
import type { Offer } from './shelves.js';

export interface SourceQuestion {
  /** A name, a SHA-256, or a URI. */
  readonly wanted: string;
  readonly catalog: readonly CatalogEntry[];
  /** Offers of the peers that models may be fetched from. */
  readonly offers: readonly Offer[];
}

/**
 * What other nodes are told this node wants. Addresses are never sent, since one reveals who asks whom; a catalog
 * address is replaced by its name.
 */
export function wantedInMesh(wanted: string, catalog: readonly CatalogEntry[]): string | undefined {
  return isAddress(wanted) ? catalog.find(({ uri }) => uri === wanted)?.name : wanted;
}

/**
 * In the order to try them, the mesh first. Among files offered under the same name, the one most nodes offer comes
 * first.
 */
export function sourcesOf({ wanted, catalog, offers }: SourceQuestion): readonly ModelSource[] {
  const entry = catalog.find(({ name, uri }) => name === wanted.toLowerCase() || uri === wanted);
  const named = (card: ModelCard): boolean =>
    card.sha256 === wanted || (entry?.sha256 === undefined ? card.name === wanted.toLowerCase() : card.sha256 === entry.sha256);
  const byContent = new Map<string, ModelCard[]>();
  for (const { card } of offers) {
    if (!named(card)) continue;
    const content = `${card.sha256} ${card.tree} ${card.bytes}`;
    byContent.set(content, [...(byContent.get(content) ?? []), card]);
  }
  const mesh = [...byContent.values()]
    .sort((a, b) => b.length - a.length)
    .flatMap((cards) => fromMesh(cards, entry));
  const uri = entry?.uri ?? (isAddress(wanted) ? wanted : undefined);
  return uri === undefined ? mesh : [...mesh, fromAddress(uri, entry)];
}

/** @param cards of one file, from several shelves */
function fromMesh(cards: readonly ModelCard[], entry: CatalogEntry | undefined): readonly ModelSource[] {
  const [card] = cards;
  if (card === undefined) return [];
  const { name, sha256, bytes, tree } = card;
  // Memory needs are unverified claims until the file is here. The smallest counts, so that no single peer can prevent
  // the fetch.
  const toldBytes = Math.min(...cards.map(({ memoryBytes }) => memoryBytes ?? bytes));
  return [
    {
      kind: 'mesh',
      name: entry?.name ?? name,
      content: { sha256, bytes, tree },
      memoryBytes: entry?.memoryBytes ?? Math.max(bytes, toldBytes),
    },
  ];
}

const fromAddress = (uri: string, entry: CatalogEntry | undefined): ModelSource => ({
  kind: 'uri',
  name: entry?.name ?? nameInAddress(uri),
  uri,
  bytes: entry === undefined || entry.bytesApproximate ? undefined : entry.bytes,
  aboutBytes: entry?.bytes,
  sha256: entry?.sha256,
  memoryBytes: entry?.memoryBytes,
});
