import { describe, expect, it } from 'vitest';
import { sourcesOf } from '../../../src/actors/models/fetch-sources.js';
import type { CatalogEntry } from '../../../src/gguf/catalog.js';

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
const offer = (peerKey: string, name: string, digit: string) => ({
  peerKey,
  card: { name, sha256: sha(digit), bytes: 5, tree: sha(digit) },
});
const kinds = (wanted: string, offers: ReturnType<typeof offer>[], trusted: string[] = [], catalog = [entry]) =>
  sourcesOf({ wanted, catalog, offers, trusted }).map((source) =>
    source.kind === 'mesh' ? source.content.sha256.slice(0, 1) : source.uri,
  );

describe('the sources of a model', () => {
  it('are the mesh first, then the address of the catalog', () =>
    expect(kinds('Known', [offer('p', 'known', 'a'), offer('p', 'other', 'b')])).toEqual(['a', entry.uri]));

  it('are, under one name, what most offer before what one offers', () =>
    expect(kinds('x', [offer('p', 'x', 'a'), offer('q', 'x', 'b'), offer('r', 'x', 'b')])).toEqual(['b', 'a']));

  it('are only the right file, where the catalog knows its hash, whatever it is called', () => {
    const sure = { ...entry, bytesApproximate: false, sha256: sha('c') };
    expect(kinds('known', [offer('p', 'known', 'a'), offer('q', 'renamed', 'c')], [], [sure])).toEqual(['c', entry.uri]);
  });

  it('are those of trusted seeders only, where there are such', () =>
    expect(kinds('known', [offer('p', 'known', 'a'), offer('q', 'known', 'b')], ['q'])).toEqual(['b', entry.uri]));

  it('are found by hash, and by address', () => {
    expect(kinds(sha('a'), [offer('p', 'any-name', 'a')])).toEqual(['a']);
    expect(kinds('https://example.com/Some.gguf?x=1', [])).toEqual(['https://example.com/Some.gguf?x=1']);
    const [source] = sourcesOf({ wanted: 'https://example.com/Some.gguf?x=1', catalog: [], offers: [], trusted: [] });
    expect(source?.name).toBe('some');
  });
});
