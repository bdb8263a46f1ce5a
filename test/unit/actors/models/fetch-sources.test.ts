import { describe, expect, it } from 'vitest';
import { sourcesOf, wantedInMesh } from '../../../../src/actors/models/fetch-sources.js';
import type { Offer } from '../../../../src/actors/models/shelves.js';
import type { CatalogEntry } from '../../../../src/gguf/catalog.js';

const sha = (digit: string): string => digit.repeat(64);
const entry: CatalogEntry = {
  name: 'known',
  uri: 'hf:user/repository/known.gguf',
  bytes: 100,
  bytesApproximate: true,
  contextSize: 4_096,
  licence: 'MIT',
  memoryBytes: 200,
  note: 'x',
};
const offer = (peerKey: string, name: string, digit: string, memoryBytes?: number): Offer => ({
  peerKey,
  node: peerKey,
  card: {
    name,
    sha256: sha(digit),
    bytes: 5,
    tree: sha(digit),
    key: sha(digit),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
  },
});
const sources = (wanted: string, offers: Offer[], catalog = [entry]) => sourcesOf({ wanted, catalog, offers });
const kinds = (...question: Parameters<typeof sources>) =>
  sources(...question).map((source) => (source.kind === 'mesh' ? source.content.sha256.slice(0, 1) : source.uri));

describe('the sources of a model', () => {
  it('are the mesh first, then the address of the catalog', () =>
    expect(kinds('Known', [offer('p', 'known', 'a'), offer('p', 'other', 'b')])).toEqual(['a', entry.uri]));

  it('are, under one name, what most offer before what one offers', () =>
    expect(kinds('x', [offer('p', 'x', 'a'), offer('q', 'x', 'b'), offer('r', 'x', 'b')])).toEqual(['b', 'a']));

  it('are only the right file, where the catalog knows its hash, whatever it is called; it gets the name it was asked for by', () => {
    const sure = { ...entry, bytesApproximate: false, sha256: sha('c') };
    const offers = [offer('p', 'known', 'a'), offer('q', 'renamed', 'c')];
    expect(kinds('known', offers, [sure])).toEqual(['c', entry.uri]);
    expect(sources('known', offers, [sure])[0]?.name).toBe('known');
  });

  it('are found by hash, and by address', () => {
    expect(kinds(sha('a'), [offer('p', 'any-name', 'a')])).toEqual(['a']);
    expect(kinds('https://example.com/Some.gguf?x=1', [])).toEqual(['https://example.com/Some.gguf?x=1']);
    expect(sources('https://example.com/Some.gguf?x=1', [])[0]?.name).toBe('some');
  });

  it('are looked for in the mesh by name and by hash: an address is nobody else’s business', () => {
    expect(wantedInMesh('Any-Name', [entry])).toBe('Any-Name');
    expect(wantedInMesh(entry.uri, [entry])).toBe('known');
    expect(wantedInMesh('https://example.com/a.gguf?key=secret', [entry])).toBeUndefined();
  });

  it('say what memory it takes: by the catalog, else the least that a card tells, and never less than the file has', () => {
    const memoryOf = (wanted: string, offers: Offer[]) => sources(wanted, offers)[0]?.memoryBytes;
    expect(memoryOf('known', [offer('p', 'known', 'a', 7)])).toBe(200);
    expect(memoryOf('x', [offer('p', 'x', 'a', 10 ** 15), offer('q', 'x', 'a', 9)])).toBe(9);
    expect(memoryOf('x', [offer('p', 'x', 'a', 1)])).toBe(5);
    expect(memoryOf('x', [offer('p', 'x', 'a')])).toBe(5);
  });
});
