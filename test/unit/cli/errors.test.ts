/** The reference of errors: complete, and as `npm run errors` writes it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { expect, it } from 'vitest';
import { commandErrors, exitCodes } from '../../../src/cli/error-codes.js';
import { adviceFor, clientErrorCodes, requestErrors } from '../../../src/client/error-codes.js';
import { doubts, failures } from '../../../src/machines/ask.js';
import { errorCodes } from '../../../src/protocol/errors.js';

const root = join(import.meta.dirname, '../../..');

it('docs/errors.md is what npm run errors writes', async () => {
  const { errorsPage } = await import(join(root, 'scripts/errors.mjs'));
  const path = join(root, 'docs/errors.md');
  const page = errorsPage({ requests: requestErrors(), commands: commandErrors, exits: exitCodes() });
  expect(readFileSync(path, 'utf8')).toBe(await format(page, { ...(await resolveConfig(path)), parser: 'markdown' }));
});

it('every failure that a client finds by itself is listed', () => {
  const known = Object.keys({ ...errorCodes, ...clientErrorCodes });
  for (const { code } of [...Object.values(doubts), ...Object.values(failures)]) expect(known).toContain(code);
});

it('advice is a sentence, for codes of later versions too', () => {
  for (const { code, next } of requestErrors()) expect(next, code).toMatch(/^[A-Z].*[^.]\.?$/);
  expect(adviceFor('a_code_of_the_future')).toMatch(/^Ask again/);
});

it('every code that a command fails with is listed', () => {
  const sources = readdirSync(join(root, 'src/cli'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(root, 'src/cli', file), 'utf8'));
  const codes = sources.flatMap((text) => [...text.matchAll(/\bcode: '(\w+)'/g)].map(([, code]) => code ?? ''));
  expect(codes.length).toBeGreaterThan(5);
  expect([...new Set(codes)].filter((code) => !(code in commandErrors))).toEqual([]);
});
