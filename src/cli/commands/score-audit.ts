/** `qmesh score audit`: recomputes all balances and compares. Exit code 1 if anything differs. */
import { Command } from 'commander';
import { topicName } from '../../protocol/topics.js';
import { mintersOf } from '../../validator-policy.js';
import { exitCode } from '../failure.js';
import { readSettings } from '../load-settings.js';
import { withManual } from '../manual.js';
import { paintFor } from '../paint.js';
import { audit, checkProofs, type Audit, type ProofFault } from '../score/audit.js';
import { withScoreOptions, type ScoreOptions } from '../score/score-options.js';
import { openReader } from '../score/score-reader.js';
import { points } from '../score/show-score.js';
import { table } from '../table.js';

/** Number of accounts shown. */
const richest = 20;

interface AuditOptions extends ScoreOptions {
  readonly proofs?: boolean;
}

export const scoreAuditCommand = (): Command =>
  withManual(
    withScoreOptions(
      new Command('audit').description('Recount all receipts, and compare with the running totals.'),
    ).option('--proofs', 'also check the signatures of every certificate'),
    {
      about: [
        'Exit codes: 0 everything agrees, 1 something differs, 2 used wrongly.',
        'Nodes that hold the same receipts print the same JSON, byte for byte.',
      ],
      examples: [
        ['qmesh score audit', 'balances, and whether they hold'],
        ['qmesh score audit --json | sha256sum', 'to compare two nodes'],
        ['qmesh score audit --proofs', 'and every signature'],
      ],
      see: ['docs/ledger.md'],
    },
  ).action((options: AuditOptions) => run(options));

async function run({ json, proofs: withProofs, ...options }: AuditOptions): Promise<void> {
  const { values } = readSettings(options);
  const reader = await openReader(values);
  try {
    const found = await audit(reader, mintersOf(values));
    const proofs = withProofs === true ? await checkProofs(reader, topicName('inference', values.network)) : undefined;
    if (json === true) process.stdout.write(`${JSON.stringify(proofs === undefined ? found : { ...found, proofs })}\n`);
    else process.stdout.write(`${show(found)}${proofs === undefined ? '' : showProofs(proofs)}\n`);
    if (!found.agrees || (proofs?.faults.length ?? 0) > 0) process.exitCode = exitCode.failed;
  } finally {
    await reader.close();
  }
}

function show({ agrees, receipts, digest, accounts, differences }: Audit): string {
  const paint = paintFor(process.stdout);
  const rich = [...accounts].sort((a, b) => b.balance - a.balance).slice(0, richest);
  const rows = rich.map(({ account, balance, earned, minted, awarded, spent }) => [
    `${account.slice(0, 16)}…`,
    ...[balance, earned, minted, awarded, spent].map(points),
  ]);
  const wrong = differences.map(({ account, folded, running }) => [account, shown(folded), shown(running)]);
  return [
    `${receipts} receipts of ${accounts.length} accounts, digest ${digest}`,
    ...(rows.length === 0
      ? []
      : [table(['ACCOUNT', 'BALANCE', 'EARNED', 'GUESTS', 'AWARDED', 'SPENT'], rows, { right: [1, 2, 3, 4, 5] })]),
    ...(accounts.length > richest ? [`… and ${accounts.length - richest} more; all of them: --json`] : []),
    '',
    agrees
      ? paint.good('The running totals are what the receipts give.')
      : `${paint.bad('The running totals are not what the receipts give:')}\n${table(['ACCOUNT', 'BY THE RECEIPTS', 'RUNNING'], wrong, { right: [1, 2] })}\n` +
        'Start the worker again: it counts anew from what is on the disk. If that does not help, restore a backup.',
  ].join('\n');
}

const shown = (millipoints: number | null): string => (millipoints === null ? 'unknown' : points(millipoints));

function showProofs({ checked, faults }: { readonly checked: number; readonly faults: readonly ProofFault[] }): string {
  const paint = paintFor(process.stdout);
  if (faults.length === 0) return `\n${paint.good(`All signatures of ${checked} certificates hold.`)}`;
  return `\n${paint.bad(`${faults.length} of ${checked} certificates do not hold:`)}\n${table(
    ['RECEIPT', 'PROBLEM'],
    faults.map(({ receipt, problem }) => [receipt, problem]),
  )}`;
}
