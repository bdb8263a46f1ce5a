/**
 * Acks in the home: a folder `acks/` with one small file per receipt, so that several programs sharing a home do not
 * interfere. A file is written before its ack is sent and removed once the ack has arrived. What a killed program
 * leaves behind is sent by the next one.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { publicKey, requestId } from '../../protocol/schema.js';
import { ackSchema } from '../../protocol/signed-objects.js';
import { isCode } from '../../runtime/errors.js';
import type { Logger } from '../../runtime/log.js';
import { replaceFile } from '../../runtime/replace-file.js';
import type { Home } from '../home/home.js';
import type { AckStore, KeptAck } from './ack-post.js';

/** Maximum number of files read. */
const maxFiles = 1_000;

const schema = z.object({ worker: publicKey, id: requestId, ack: ackSchema });

export function acksIn({ path }: Home, log: Logger): AckStore {
  const folder = join(path, 'acks');
  const fileOf = ({ ack }: KeptAck): string => join(folder, `${ack.receipt}.json`);
  return {
    load: () => read(folder, log).sort((a, b) => a.ack.at - b.ack.at),
    keep(kept) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const { worker, id, ack } = kept;
      replaceFile(fileOf(kept), `${JSON.stringify({ worker, id, ack })}\n`, { mode: 0o600 });
    },
    drop: (kept) => remove(fileOf(kept), log),
  };
}

function read(folder: string, log: Logger): KeptAck[] {
  const names = namesIn(folder).filter((name) => name.endsWith('.json'));
  return names.slice(0, maxFiles).flatMap((name) => {
    const file = join(folder, name);
    try {
      return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
    } catch (error) {
      if (isCode(error, 'ENOENT')) return []; // another program has sent it meanwhile
      log.warn('ack.unreadable', { file, error, note: 'It is removed: what it said cannot be sent any more.' });
      remove(file, log);
      return [];
    }
  });
}

function remove(file: string, log: Logger): void {
  try {
    rmSync(file, { force: true });
  } catch (error) {
    log.warn('ack.not_removed', { file, error, note: 'It will be sent once more, which does no harm.' });
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // the folder does not exist yet
  }
}
