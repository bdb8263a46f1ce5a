/** The catalog in the repository is right, and a wrong one is refused with the name of what is wrong. */
import { describe, expect, it } from 'vitest';
import { parseCatalog, readCatalog } from '../../../src/gguf/catalog.js';

describe('the catalog of models', () => {
  it('has 8 to 12 models, smallest first, and no hash that nobody computed', async () => {
    const { models } = await readCatalog();
    expect(models.length).toBeGreaterThanOrEqual(8);
    expect(models.length).toBeLessThanOrEqual(12);
    expect(models.map(({ bytes }) => bytes)).toEqual(models.map(({ bytes }) => bytes).sort((a, b) => a - b));
    expect(models.filter(({ sha256 }) => sha256 !== undefined)).toEqual([]);
  });

  const entry = {
    name: 'some-model',
    uri: 'hf:user/repo/file.gguf',
    bytes: 1000,
    bytesApproximate: false,
    contextSize: 4096,
    licence: 'MIT',
    memoryBytes: 2000,
    note: 'A model.',
  };
  const parse = (...models: unknown[]) => parseCatalog(JSON.stringify({ version: 1, models }));

  it.each([
    ['uri', { ...entry, uri: 'ftp://user/file.gguf' }],
    ['uri', { ...entry, uri: 'hf:user/repo/file.bin' }],
    ['sha256', { ...entry, sha256: 'ABC' }],
    ['counted', { ...entry, sha256: 'a'.repeat(64), bytesApproximate: true }],
    ['memory', { ...entry, memoryBytes: 10 }],
    ['colour', { ...entry, colour: 'green' }],
  ])('refuses a wrong %s', (what, wrong) => {
    expect(parse(entry).models).toEqual([entry]);
    expect(() => parse(wrong)).toThrow(what);
  });

  it('refuses a name that occurs twice', () => {
    expect(() => parse(entry, entry)).toThrow('each name occurs once');
  });
});
