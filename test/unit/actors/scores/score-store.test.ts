import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { maxWaitingWrites } from '../../../../src/actors/scores/group-commit.js';
import type { LogPage } from '../../../../src/actors/scores/score-pages.js';
import {
  openScoreStore,
  type Found,
  type OpenedScoreStore,
  type ScoreWrite,
  type StoredCertificate,
} from '../../../../src/actors/scores/score-store.js';
import { evidenceIn } from '../../../../src/rules/evidence.js';
import { entryOf, foldLedger, type LedgerEntry } from '../../../../src/rules/ledger.js';
import { account, attest, claimWith, hashOfReceipt, noonMs } from '../../../support/ledger-cases.js';

let folder = '';
let opened: OpenedScoreStore | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'qmesh-scores-'));
});
afterEach(async () => {
  await close();
  rmSync(folder, { recursive: true, force: true });
});

async function open(): Promise<OpenedScoreStore> {
  opened = await openScoreStore(join(folder, 'score-db'));
  return opened;
}

async function close(): Promise<void> {
  const { store } = opened ?? {};
  opened = undefined;
  await new Promise<void>((resolve) => (store === undefined ? resolve() : store.close(() => resolve())));
}

const answer = <Value>(ask: (found: Found<Value>) => void): Promise<Value | undefined> =>
  new Promise((resolve, reject) => ask((error, value) => (error === undefined ? resolve(value) : reject(error))));
const write = ({ store }: OpenedScoreStore, ...writes: ScoreWrite[]): Promise<void> =>
  new Promise((resolve, reject) => store.write(writes, (error) => (error === undefined ? resolve() : reject(error))));

function certificateOf(n: number, isSolo = false): StoredCertificate {
  const claim = claimWith({
    client: account(`client ${n % 3}`),
    order: { id: `r${n}` },
    receipt: { finishedAt: noonMs + n * 1_000 },
  });
  return { ...claim, attestations: [attest(claim.receipt, account('v1'))], isSolo };
}
const certificates = Array.from({ length: 12 }, (_, n) => certificateOf(n));
const asWrite = (certificate: StoredCertificate): ScoreWrite => ({ kind: 'certificate', certificate });
const hashes = (some: readonly StoredCertificate[]): string[] => some.map(({ receipt }) => hashOfReceipt(receipt));
const entriesIn = async ({ entries }: OpenedScoreStore): Promise<LedgerEntry[]> => {
  const all: LedgerEntry[] = [];
  for await (const entry of entries()) all.push(entry);
  return all;
};

describe('the ledger on the disk', () => {
  it('has what was written, by hash and by account, after it was opened again', async () => {
    await write(await open(), ...certificates.map(asWrite));
    await close();
    const again = await open();
    for (const certificate of certificates)
      expect(await answer((found) => again.store.certificate(hashOfReceipt(certificate.receipt), found))).toEqual(
        certificate,
      );
    expect(await answer((found) => again.store.certificate('0'.repeat(64), found))).toBeUndefined();

    const latest = [...certificates].reverse();
    const latestOf = async (name: string, limit: number): Promise<string[] | undefined> => {
      const query = { account: account(name).publicKeyHex, limit };
      const page = await answer<LogPage>((found) => again.store.log(query, found));
      return page?.entries.map(({ hash }) => hash);
    };
    expect(await latestOf('worker', 5)).toEqual(hashes(latest.slice(0, 5)));
    const ofClient = latest.filter(({ order }) => order.client === account('client 1').publicKeyHex);
    expect(await latestOf('client 1', 100)).toEqual(hashes(ofClient));
    expect(await latestOf('nobody', 100)).toEqual([]);
  });

  it('gives back the entries of the fold, once each, also where a certificate was written again', async () => {
    const db = await open();
    await write(db, ...certificates.map(asWrite));
    await write(db, asWrite(certificateOf(0, true)), asWrite(certificateOf(0)));
    await close();
    const expected = certificates.map(({ order, receipt }) => entryOf(hashOfReceipt(receipt), order, receipt));
    const found = await entriesIn(await open());
    expect(found).toHaveLength(certificates.length);
    expect(foldLedger(found)).toEqual(foldLedger(expected));
  });

  it('keeps what this node signed, for each order, and evidence', async () => {
    const [one, two] = [claimWith(), claimWith({ receipt: { responseMs: 900 } })];
    const attestation = attest(one.receipt, account('v1'));
    const [evidence] = evidenceIn(one, two);
    const order = one.receipt.order;
    await write(
      await open(),
      { kind: 'signed', order, what: 'receipt', object: one.receipt },
      { kind: 'signed', order, what: 'attestation', object: attestation },
      { kind: 'evidence', account: one.receipt.worker, evidence: evidence! },
    );
    await close();
    const { store } = await open();
    expect(await answer((found) => store.signed('receipt', order, found))).toEqual(one.receipt);
    expect(await answer((found) => store.signed('attestation', order, found))).toEqual(attestation);
    expect(await answer((found) => store.signed('ack', order, found))).toBeUndefined();
    expect(await answer((found) => store.evidence(found))).toEqual([evidence]);
  });

  it('answers writes in order, and finishes them before it closes', async () => {
    const { store } = await open();
    const answered: number[] = [];
    for (const [n, certificate] of certificates.entries()) store.write([asWrite(certificate)], () => answered.push(n));
    await close();
    expect(answered).toEqual(certificates.map((_, n) => n));
    expect(await entriesIn(await open())).toHaveLength(certificates.length);
  });

  it('refuses what would wait without bound', async () => {
    const { store } = await open();
    const one = asWrite(certificates[0]!);
    const answers = new Promise<(Error | undefined)[]>((resolve) => {
      const errors: (Error | undefined)[] = [];
      const note = (error: Error | undefined): void => {
        if (errors.push(error) === 2) resolve(errors);
      };
      store.write([one], note);
      store.write(Array<ScoreWrite>(maxWaitingWrites + 1).fill(one), note);
    });
    const [refused, written] = await answers;
    expect(refused).toMatchObject({ code: 'store_busy' });
    expect(written).toBeUndefined();
  });

  it('says so where it is open elsewhere, or was copied', async () => {
    await write(await open(), asWrite(certificates[0]!));
    const db = join(folder, 'score-db');
    await expect(openScoreStore(db)).rejects.toMatchObject({
      code: 'store_in_use',
      message: /in use by another process/,
    });
    await close();
    cpSync(db, join(folder, 'copy'), { recursive: true });
    await expect(openScoreStore(join(folder, 'copy'))).rejects.toMatchObject({ code: 'store_copied' });
    expect(await entriesIn(await open())).toHaveLength(1); // and the original is none the worse
  });
});
