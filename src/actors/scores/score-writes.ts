/** Turns the items of a write into keys of the ledger's database, and syncs an append to disk. */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Batch } from 'hyperbee';
import { objectHash } from '../../protocol/signed-objects.js';
import { entryOf, type LedgerEntry } from '../../rules/ledger.js';
import type { ScoreWrite } from './score-store.js';
import { certificateKey, entryKey, timeKey } from './score-keys.js';

/** Puts an item under every key by which it is found. */
export async function putWrite(batch: Batch, write: ScoreWrite): Promise<void> {
  switch (write.kind) {
    case 'certificate': {
      const { order, receipt } = write.certificate;
      const hash = objectHash('receipt', receipt);
      await batch.put(certificateKey(hash), write.certificate);
      if (write.certificate.isSolo) await batch.put(`solo/${hash}`, null);
      else await batch.del(`solo/${hash}`);
      await batch.del(`claim/${hash}`);
      return putEntry(batch, entryOf(hash, order, receipt));
    }
    case 'entry':
      return putEntry(batch, write.entry);
    case 'kept':
      return batch.put(`kept/${write.entry.hash}`, write.entry);
    case 'contested':
      return batch.put(`contested/${write.holder.order}`, write.holder);
    case 'signed':
      return batch.put(`signed/${write.what}/${write.order}`, write.object);
    case 'claim':
      return batch.put(`claim/${write.hash}`, write.claim);
    case 'claim.closed':
      return batch.del(`claim/${write.hash}`);
    case 'evidence':
      return batch.put(`evidence/${write.account}/${write.evidence.kind}`, write.evidence);
  }
}

/** The value under `day/` is all that the fold needs to read. */
async function putEntry(batch: Batch, entry: LedgerEntry): Promise<void> {
  await batch.put(entryKey(entry), entry);
  await batch.put(`worker/${entry.worker}/${timeKey(entry)}`, null);
  await batch.put(`client/${entry.client}/${timeKey(entry)}`, null);
}

/** RocksDB hands its log to the operating system with each append without syncing it; all other files it syncs itself. */
export async function forceOut(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.log')) continue;
    const file = await open(join(folder, name), 'r').catch(() => undefined); // if it is gone, its contents are in the other files
    if (file === undefined) continue;
    try {
      await file.datasync();
    } finally {
      await file.close();
    }
  }
}
