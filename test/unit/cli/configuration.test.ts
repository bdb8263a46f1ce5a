/** The settings: their reference is up to date, and where to join is read as people write it. */
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { qmeshProgram } from '../../../src/cli/program.js';
import { parseBootstrap } from '../../../src/actors/network/bootstrap.js';
import { describeConfig, loadConfig } from '../../../src/runtime/config.js';
import { settings } from '../../../src/settings.js';
import { walk } from '../../support/command-lines.js';

const root = join(import.meta.dirname, '../../..');
const taken = new Set<string>();
walk(await qmeshProgram(), ({ options }) => options.forEach(({ flags }) => taken.add(flags)));

it('docs/configuration.md is what npm run configuration writes', async () => {
  const { configurationPage } = await import(join(root, 'scripts/configuration.mjs'));
  const page = readFileSync(join(root, 'docs/configuration.md'), 'utf8');
  expect(page).toBe(configurationPage(describeConfig(settings)));
});

it('every setting has a flag that some command takes and a variable, and its default fits its own schema', () => {
  for (const [key, { flag, env, default: value, schema }] of Object.entries(settings)) {
    expect(flag, key).toMatch(/^--[a-z-]+( <\S+>)?$/);
    expect(taken, key).toContain(flag);
    expect(env, key).toMatch(/^(QMESH_[A-Z_]+|GPU_LAYERS)$/);
    if (value !== undefined) expect(schema.safeParse(value).success, key).toBe(true);
  }
});

describe('where to join', () => {
  const port = fc.integer({ min: 1, max: 65_535 });
  const host = fc.oneof(fc.ipV4(), fc.domain()).filter((name) => name !== 'local');

  it('is this machine, the world, or a list of addresses', () => {
    expect(parseBootstrap('local')).toEqual({ kind: 'local' });
    expect(parseBootstrap('public')).toEqual({ kind: 'public' });
    fc.assert(
      fc.property(port, (p) => {
        expect(parseBootstrap(`local:${p}`)).toEqual({ kind: 'local', port: p });
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.record({ host, port }), { minLength: 1, maxLength: 5 }), (nodes) => {
        const text = nodes.map((node) => `${node.host}:${node.port}`).join(', ');
        expect(parseBootstrap(text)).toEqual({ kind: 'nodes', nodes });
      }),
    );
  });

  it('is nothing else', () => {
    const wrong = [
      '',
      'nowhere',
      ':1',
      'a:',
      'a:0',
      'a:65536',
      'a:1,',
      'a:1,b',
      'local:0',
      'local:1,a:2',
      'http://a:1',
      'a:1x',
    ];
    for (const text of wrong) expect(parseBootstrap(text), text).toBeUndefined();
  });

  it('is refused with what is expected', () => {
    expect(() => loadConfig(settings, { env: { QMESH_BOOTSTRAP: 'nowhere' } })).toThrow(
      'QMESH_BOOTSTRAP in the environment is "nowhere"; expected "local", "local:PORT", "public", or addresses',
    );
  });
});
