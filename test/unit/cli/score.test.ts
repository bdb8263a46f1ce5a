/** The commands about points, on real ledgers in real homes: with a worker that has the ledger open, and without one. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { answerScore, isAboutScore } from '../../../src/actors/control/score.js';
import { controlSocket } from '../../../src/actors/control/socket.js';
import { openHome } from '../../../src/actors/home/home.js';
import { loadIdentity, type Identity } from '../../../src/actors/home/identity.js';
import type { Ledger } from '../../../src/actors/scores/ledger.js';
import type { StoredCertificate } from '../../../src/actors/scores/score-store.js';
import type { WorkerDeps } from '../../../src/actors/worker/worker-ports.js';
import { audit, auditOf, checkProofs } from '../../../src/cli/score/audit.js';
import { checkBackup, readBackup, writeBackup } from '../../../src/cli/score/backup-file.js';
import { restore, type Restored } from '../../../src/cli/score/restore.js';
import { all, openHere, openReader, type ScoreReader } from '../../../src/cli/score/score-reader.js';
import { nextTier, points, policyWords, showScore } from '../../../src/cli/score/show-score.js';
import { paintFor } from '../../../src/cli/paint.js';
import { readSettings } from '../../../src/cli/load-settings.js';
import { entryOf, foldLedger, openDays, type LedgerEntry } from '../../../src/rules/ledger.js';
import type { ValidatorPolicy } from '../../../src/rules/quorum.js';
import { nullLogger } from '../../../src/runtime/log.js';
import { systemRandom } from '../../../src/runtime/random.js';
import { account, attest, claimWith, hashOfReceipt, network, noonMs } from '../../support/ledger-cases.js';

const folders: string[] = [];
const ends: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function freshHome(): string {
  const folder = mkdtempSync(join(tmpdir(), 'qmesh-score-'));
  folders.push(folder);
  return folder;
}
const settingsOf = (home: string) => readSettings({ home }).values;
const identityOf = (home: string): Identity => loadIdentity(openHome(home), systemRandom, nullLogger);

function certificateOf(n: number, worker = account('worker')): StoredCertificate {
  const claim = claimWith({
    client: account(`client ${n % 3}`),
    worker,
    order: { id: `r${n}`, maxPrice: n % 2 === 0 ? 0 : 4_000 },
    receipt: { finishedAt: noonMs + n * 1_000 },
  });
  return { ...claim, attestations: [attest(claim.receipt, account('v1'))], isSolo: n % 4 === 0 };
}

const settled = (run: (done: (error: Error | undefined) => void) => void): Promise<void> =>
  new Promise((resolve, reject) => run((error) => (error === undefined ? resolve() : reject(error))));

async function ledgerWith(home: string, certificates: readonly StoredCertificate[]): Promise<Ledger> {
  const ledger = await openHere(settingsOf(home), { isNew: true });
  await Promise.all(certificates.map((certificate) => settled((done) => ledger.count(certificate, done))));
  return ledger;
}
const close = (ledger: Ledger): Promise<void> => settled((done) => ledger.close(done));

async function fill(home: string, certificates: readonly StoredCertificate[]): Promise<void> {
  await close(await ledgerWith(home, certificates));
}

async function reading<Value>(home: string, use: (reader: ScoreReader) => Promise<Value>): Promise<Value> {
  const reader = await openReader(settingsOf(home));
  try {
    return await use(reader);
  } finally {
    await reader.close();
  }
}

const tenOf = (worker = account('worker')): StoredCertificate[] =>
  Array.from({ length: 10 }, (_, n) => certificateOf(n, worker));

describe('qmesh score', () => {
  it('reads the same from the disk and from a worker that has it open, page by page', async () => {
    const home = freshHome();
    const { keyPair, id } = identityOf(home);
    await fill(home, tenOf(keyPair));
    const read = (reader: ScoreReader) => async () => ({
      report: await reader.report(),
      log: await reader.log({ account: id, limit: 3 }),
      audit: await audit(reader, 'everyone'),
      proofs: await checkProofs(reader, network),
    });
    const fromDisk = await reading(home, (reader) => read(reader)());

    const ledger = await ledgerWith(home, []);
    const scores = { ledger, validators: { quorum: { validators: new Set([id]), threshold: 1 } } };
    const deps = { scores, desk: { held: 7_000 }, identity: keyPair, validators: { validators: 'seen' } };
    const server = controlSocket({ path: home }).listen(
      (request, reply) => {
        if (isAboutScore(request)) answerScore(deps as unknown as WorkerDeps, request, reply);
      },
      { listening: () => {}, failed: (error) => expect.fail(String(error)) },
    );
    ends.push(
      () => close(ledger),
      () => server.close(),
    );
    const fromWorker = await reading(home, (reader) => read(reader)());

    expect(fromWorker).toEqual({
      ...fromDisk,
      report: {
        ...fromDisk.report,
        held: 7_000,
        policy: { ...fromDisk.report.policy, present: 1, threshold: 1 },
      },
    });
    expect(fromDisk.report).toMatchObject({ account: id, receipts: 10, solo: 3, openClaims: 0 });
    expect(fromDisk.log.entries.map(({ finishedAt }) => finishedAt)).toEqual([9, 8, 7].map((n) => noonMs + n * 1_000));
    expect(fromDisk.proofs).toEqual({ checked: 10, faults: [] });
    await expect(openHere(settingsOf(home))).rejects.toMatchObject({ code: 'store_in_use' });
  });

  it('reads everything in order, however many pages that takes', async () => {
    const home = freshHome();
    const ledger = await openHere(settingsOf(home), { isNew: true });
    const entries = Array.from({ length: 400 }, (_, n): LedgerEntry => {
      const { order, receipt } = certificateOf(n);
      return entryOf(hashOfReceipt(receipt), order, receipt);
    });
    await Promise.all(entries.map((entry) => settled((done) => ledger.countEntry(entry, done))));
    await close(ledger);
    await reading(home, async (reader) => {
      const found: LedgerEntry[] = [];
      for await (const { value } of all(reader, 'entries')) found.push(value);
      expect(found).toEqual(entries);
      expect((await reader.page('entries', undefined)).next).not.toBeNull();
      const logged: LedgerEntry[] = [];
      for (let before: string | null | undefined; before !== null;) {
        const page = await reader.log({
          limit: 90,
          sinceMs: noonMs + 100_000,
          ...(before === undefined ? {} : { before }),
        });
        logged.push(...page.entries);
        before = page.next;
      }
      expect(logged).toEqual(entries.slice(100).reverse());
    });
  });

  it('says where there is nothing yet', async () => {
    await expect(openReader(settingsOf(freshHome()))).rejects.toMatchObject({ code: 'no_ledger' });
  });

  it('shows what is missing to the next tier, and what its points rest on', async () => {
    const home = freshHome();
    await fill(home, tenOf(identityOf(home).keyPair));
    const report = await reading(home, (reader) => reader.report());
    const text = showScore(report, paintFor(process.stdout));
    const balance = report.state?.balance ?? 0;
    expect(nextTier(balance)).toEqual({ tier: 'silver', missing: 100_000 - balance });
    expect(text).toContain(`Bronze; ${points(100_000 - balance)} more for Silver`);
    expect(text).toContain('no defence against identities made in bulk');
    expect(text).toContain('10 of 10 served in less than 2 s');
    expect(text).toContain('3 of 10 different clients served');
    expect(text).toContain('3 receipts were certified by this node alone');
    const policy = { validators: 4, threshold: 3, present: 4, minters: 2 };
    expect(policyWords({ ...report, solo: 0, policy }).filter(({ isWarning }) => isWarning)).toEqual([]);
    expect(nextTier(10_000_000)).toBeUndefined();
    expect(points(1_234_500)).toBe('1,234.5');
  });
});

describe('qmesh score audit', () => {
  it('prints the same bytes on nodes with the same receipts, whatever order they came in', async () => {
    const [one, two] = [freshHome(), freshHome()];
    const certificates = tenOf();
    await fill(one, certificates);
    await fill(two, [...certificates].reverse());
    const [first, second] = [
      await reading(one, (reader) => audit(reader, 'everyone')),
      await reading(two, (reader) => audit(reader, 'everyone')),
    ];
    expect(JSON.stringify(first)).toBe(JSON.stringify(second));
    expect(first).toMatchObject({ agrees: true, receipts: 10, differences: [] });
  });

  it('finds running totals that the receipts do not give', () => {
    const entries = tenOf().map(({ order, receipt }) => entryOf(hashOfReceipt(receipt), order, receipt));
    const right = foldLedger(entries);
    expect(auditOf(entries, right, 'everyone').agrees).toBe(true);
    const [worker] = [...right].find(([, { earned }]) => earned > 0)!;
    const state = right.get(worker)!;
    const wrong = new Map(right).set(worker, { ...state, balance: state.balance + 1 }).set('f'.repeat(64), state);
    wrong.delete(account('client 1').publicKeyHex);
    const found = auditOf(entries, wrong, 'everyone');
    expect(found.agrees).toBe(false);
    expect(found.differences.map(({ account: id }) => id).sort()).toEqual(
      [worker, account('client 1').publicKeyHex, 'f'.repeat(64)].sort(),
    );
  });
});

describe('a backup', () => {
  const restoredIn = async (
    home: string,
    file: string,
    change: { policy?: ValidatorPolicy } = {},
  ): Promise<Restored> => {
    const ledger = await ledgerWith(home, []);
    const { id } = identityOf(home);
    const isOwn = (await checkBackup(file)).account === id;
    const context = { network, policy: { validators: 'seen' } as ValidatorPolicy, account: id, isOwn, ...change };
    const result = await restore(ledger, readBackup(file), context);
    await close(ledger);
    return result;
  };
  const backupOf = async (home: string, file: string): Promise<number> => {
    const { keyPair, id } = identityOf(home);
    return reading(home, (reader) => writeBackup(reader, file, { account: id, network, at: noonMs, keyPair }));
  };
  const auditIn = (home: string) => reading(home, (reader) => audit(reader, 'everyone'));

  /** Ten certificates, of which the days of some are closed; what the node signed; an open claim. */
  async function filledHome(): Promise<{ home: string; file: string }> {
    const home = freshHome();
    const { keyPair, id } = identityOf(home);
    const ledger = await ledgerWith(home, tenOf(keyPair));
    await settled((done) => ledger.closeDays(noonMs + (openDays + 1) * 86_400_000, done));
    const later = claimWith({
      worker: keyPair,
      order: { id: 'later' },
      receipt: { finishedAt: noonMs + 40 * 86_400_000 },
    });
    await settled((done) => ledger.count({ ...later, attestations: [], isSolo: true }, done));
    const { order, receipt } = claimWith({ worker: keyPair, order: { id: 'open' } });
    await settled((done) =>
      ledger.write(
        [
          { kind: 'signed', what: 'receipt', order: receipt.order, object: receipt },
          { kind: 'claim', hash: hashOfReceipt(receipt), claim: { order, receipt } },
        ],
        done,
      ),
    );
    expect(ledger.stateOf(id)?.record.served).toBe(11);
    await close(ledger);
    return { home, file: join(home, 'points.jsonl') };
  }

  it('gives back everything to the node that wrote it, whose days are closed or not, and nothing twice', async () => {
    const { home, file } = await filledHome();
    expect(await backupOf(home, file)).toBe(13);
    const before = await auditIn(home);
    rmSync(join(home, 'score-db'), { recursive: true });
    expect(await restoredIn(home, file)).toEqual({ imported: 13, present: 0, refused: {} });
    expect(await auditIn(home)).toEqual(before);
    expect(await restoredIn(home, file)).toEqual({ imported: 0, present: 13, refused: {} });
    expect(await auditIn(home)).toEqual(before);
    await expect(backupOf(home, file)).rejects.toMatchObject({ code: 'file_exists' });
  });

  it('gives another node only what proves itself', async () => {
    const { home, file } = await filledHome();
    await backupOf(home, file);
    const other = freshHome();
    expect(await restoredIn(other, file)).toMatchObject({ imported: 0, present: 0 });
    expect((await auditIn(other)).receipts).toBe(0);

    const certified = join(home, 'certified.jsonl');
    const named = freshHome();
    await fill(named, tenOf());
    await backupOf(named, certified);
    const policy = { validators: [account('v1').publicKeyHex], threshold: 1 };
    expect(await restoredIn(other, certified, { policy })).toEqual({ imported: 10, present: 0, refused: {} });
    const strange = { validators: [account('v2').publicKeyHex], threshold: 1 };
    expect(await restoredIn(freshHome(), certified, { policy: strange })).toEqual({
      imported: 0,
      present: 0,
      refused: { 'not certified by the validators of this node': 10 },
    });
  });

  it('leaves what is here as it is', async () => {
    const home = freshHome();
    const { keyPair } = identityOf(home);
    const file = join(home, 'points.jsonl');
    const [certificate] = tenOf(keyPair);
    await fill(home, [certificate!]);
    await backupOf(home, file);
    const ledger = await ledgerWith(home, []);
    const newer = {
      ...certificate!,
      attestations: [...certificate!.attestations, attest(certificate!.receipt, account('v2'))],
      isSolo: false,
    };
    await settled((done) => ledger.count(newer, done));
    await close(ledger);
    expect(await restoredIn(home, file)).toEqual({ imported: 0, present: 1, refused: {} });
    await reading(home, async (reader) => {
      for await (const { value } of all(reader, 'certificates')) expect(value.attestations).toHaveLength(2);
      expect((await reader.report()).solo).toBe(0);
    });
  });

  it('is refused as a whole where anything in it was changed, cut off or is of another hand', async () => {
    const { home, file } = await filledHome();
    await backupOf(home, file);
    const whole = readFileSync(file, 'utf8');
    const lines = whole.trimEnd().split('\n');
    const cases: readonly (readonly [string, string])[] = [
      [whole.replace('"score":', '"score":1'), 'backup_damaged'],
      [`${lines.slice(0, -1).join('\n')}\n`, 'backup_damaged'],
      [whole.slice(0, whole.length / 2), 'backup_damaged'],
      [[lines[0], ...lines.slice(2)].join('\n'), 'backup_damaged'],
      [whole.replace(identityOf(home).id, account('somebody').publicKeyHex), 'backup_damaged'],
      ['', 'backup_damaged'],
      ['{"hello":1}\n', 'backup_damaged'],
      [whole.replace('"version":1', '"version":2'), 'backup_unknown'],
    ];
    for (const [text, code] of cases) {
      writeFileSync(file, text);
      await expect(checkBackup(file), code).rejects.toMatchObject({ code });
    }
    await expect(checkBackup(join(home, 'none'))).rejects.toMatchObject({ code: 'backup_unreadable' });
    writeFileSync(file, whole);
    appendFileSync(file, '\n');
    await expect(checkBackup(file)).rejects.toMatchObject({ code: 'backup_damaged' });
  });
});
