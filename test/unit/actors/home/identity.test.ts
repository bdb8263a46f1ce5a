import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockHome, openHome, type HomeErrorCode } from '../../../../src/actors/home/home.js';
import { loadIdentity } from '../../../../src/actors/home/identity.js';
import { CodedError } from '../../../../src/runtime/errors.js';
import { nullLogger, type Logger } from '../../../../src/runtime/log.js';
import { seededRandom } from '../../../../src/runtime/random.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'qmesh-home-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function refusal(act: () => unknown): { code: HomeErrorCode; message: string } {
  try {
    act();
  } catch (error) {
    if (error instanceof CodedError) return { code: error.code as HomeErrorCode, message: error.message };
    throw error;
  }
  throw new Error('was not refused');
}

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe('the home', () => {
  it('is made with its parents, for its owner only', () => {
    const { path } = openHome(join(folder, 'a/b'));
    expect(mode(path)).toBe('700');
  });

  it('is refused where it is a file, or below one', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    for (const path of [file, join(file, 'below')]) {
      expect(refusal(() => openHome(path))).toEqual({
        code: 'home_not_a_folder',
        message: `home ${path} is not a folder; set QMESH_HOME to one`,
      });
    }
  });

  it('is locked by one worker, whose pid a second one hears, until it is released', () => {
    const home = openHome(folder);
    const lock = lockHome(home);
    const { code, message } = refusal(() => lockHome(home));
    expect(code).toBe('home_in_use');
    expect(message).toContain(`already running, pid ${process.pid}, on ${folder}; stop it, or set QMESH_HOME`);
    lock.release();
    lock.release();
    lockHome(home).release();
  });

  it('is free again once another process that had it was killed, its file left behind', async () => {
    const home = openHome(folder);
    const script = `
      const { openSync, writeSync } = require('node:fs');
      const fd = openSync(${JSON.stringify(join(folder, 'worker.lock'))}, 'a+');
      require('fs-native-extensions').tryLock(fd, 1024, 1);
      writeSync(fd, process.pid + '\\n');
      console.log('locked');
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    expect(refusal(() => lockHome(home)).message).toContain(`already running, pid ${child.pid}`);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(existsSync(join(folder, 'worker.lock'))).toBe(true);
    lockHome(home).release();
  });
});

describe('the identity', () => {
  const load = (seed = 1, log: Logger = nullLogger) => loadIdentity({ path: folder }, seededRandom(seed), log);

  it('is made once, readable by its owner only, with the ID beside it', () => {
    const made = load(1);
    expect(load(2)).toEqual(made);
    expect(readFileSync(join(folder, 'identity.key'), 'utf8')).toBe(`${Buffer.from(made.seed).toString('hex')}\n`);
    expect(mode(join(folder, 'identity.key'))).toBe('600');
    expect(readFileSync(join(folder, 'worker-id.txt'), 'utf8')).toBe(`${made.id}\n`);
    expect(made.id).toMatch(/^[0-9a-f]{64}$/);
  });

  it('has its ID written again where that is missing or of another node', () => {
    const { id } = load();
    for (const text of [undefined, 'of another node\n']) {
      rmSync(join(folder, 'worker-id.txt'));
      if (text !== undefined) writeFileSync(join(folder, 'worker-id.txt'), text);
      load();
      expect(readFileSync(join(folder, 'worker-id.txt'), 'utf8')).toBe(`${id}\n`);
    }
  });

  it('that others could read is closed to them, with a warning', () => {
    const { id } = load();
    chmodSync(join(folder, 'identity.key'), 0o644);
    const warned: unknown[] = [];
    const log = { ...nullLogger, warn: (event: string) => void warned.push(event) };
    expect(load(2, log).id).toBe(id);
    expect(mode(join(folder, 'identity.key'))).toBe('600');
    expect(warned).toEqual(['identity.exposed']);
  });

  it.each([
    ['empty', ''],
    ['too short', 'ab'.repeat(31)],
    ['too long', 'ab'.repeat(33)],
    ['not hex', 'xy'.repeat(32)],
    ['raw bytes', '\u0001'.repeat(32)],
  ])('that is damaged (%s) is refused, and left as it is', (_, text) => {
    const file = join(folder, 'identity.key');
    writeFileSync(file, text, { mode: 0o600 });
    const { code, message } = refusal(load);
    expect(code).toBe('identity_damaged');
    expect(message).toContain(
      `${file} is damaged: it must hold 64 hex characters and nothing else; restore it from a backup`,
    );
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it('that cannot be read is refused, naming the file', () => {
    mkdirSync(join(folder, 'identity.key'), { mode: 0o700 });
    const { code, message } = refusal(load);
    expect(code).toBe('identity_unreadable');
    expect(message).toContain(`cannot read ${join(folder, 'identity.key')} (EISDIR`);
  });

  it('is not made in a home that is gone', () => {
    rmSync(folder, { recursive: true });
    expect(refusal(load).code).toBe('home_not_writable');
  });
});
