/** Points in words and tables, for their owner. */
import type { ScoreReport } from '../../actors/scores/score-report.js';
import { achievementRules, type Achievement, type ServiceRecord } from '../../rules/achievements.js';
import { paidOf, type LedgerEntry } from '../../rules/ledger.js';
import { tierOf, tierRules, tiers, type Tier } from '../../rules/tiers.js';
import type { Paint } from '../paint.js';
import { table } from '../table.js';

/** Millipoints in points, as people read them: `1,234.5`. */
export const points = (millipoints: number): string =>
  (millipoints / 1_000).toLocaleString('en-US', { maximumFractionDigits: 3 });

export interface NextTier {
  readonly tier: Tier;
  readonly missing: number;
}

/** The tier above that of this balance; undefined at the top. */
export function nextTier(balance: number): NextTier | undefined {
  const tier = tiers[tiers.indexOf(tierOf(balance)) - 1];
  return tier === undefined ? undefined : { tier, missing: tierRules[tier].fromMillipoints - balance };
}

const nobody = { served: 0, fast: 0, heavy: 0, clients: 0 };

/** @param paint for the terminal */
export function showScore(report: ScoreReport, paint: Paint): string {
  const { account, state, held, mayMint, receipts, openClaims } = report;
  const balance = state?.balance ?? 0;
  const next = nextTier(balance);
  const sums =
    state === null
      ? 'nothing counted yet'
      : `${points(state.earned)} earned from clients, ${points(state.minted)} for serving guests, ` +
        `${points(state.awarded)} for achievements, ${points(state.spent)} spent`;
  const rows: readonly (readonly [string, string])[] = [
    ['balance', `${paint.bold(points(balance))} points`],
    ['', sums],
    [
      'tier',
      `${name(tierOf(balance))}${next === undefined ? '' : `; ${points(next.missing)} more for ${name(next.tier)}`}`,
    ],
    ...(held === null || held === 0
      ? []
      : [['reserved', `${points(held)} offered by clients for work not yet certified`] as const]),
    ['receipts', `${receipts} certified in the last 31 days, ${openClaims} waiting for that`],
    ['account', account],
  ];
  return [
    rows.map(([label, text]) => `${label.padEnd(9)} ${text}`.trimEnd()).join('\n'),
    `${paint.bold('Achievements')}\n${achievements(state?.record ?? nobody, mayMint, paint)}`,
    `${paint.bold('Latest receipts')}\n${recent(report)}`,
    `${paint.bold('Who certifies')}\n${policyWords(report)
      .map(({ text, isWarning }) => `  ${isWarning ? paint.warn(text) : text}`)
      .join('\n')}`,
  ].join('\n\n');
}

const name = (tier: Tier): string => tier.charAt(0).toUpperCase() + tier.slice(1);

const what: Readonly<Record<keyof ServiceRecord, string>> = {
  served: 'requests served',
  fast: 'served in less than 2 s',
  heavy: 'with a prompt of 150 characters or more',
  clients: 'different clients served',
};

function achievements(record: ServiceRecord, mayMint: boolean, paint: Paint): string {
  const rows = (Object.keys(achievementRules) as Achievement[]).map((key) => {
    const { title, of, atLeast, millipoints } = achievementRules[key];
    const has = record[of] >= atLeast;
    return [
      has ? '✓' : ' ',
      title,
      has ? `+${points(millipoints)}` : points(millipoints),
      `${Math.min(record[of], atLeast)} of ${atLeast} ${what[of]}`,
    ];
  });
  const lines = table([' ', 'NAME', 'POINTS', 'PROGRESS'], rows, { right: [2] });
  return mayMint
    ? indent(lines)
    : `${indent(lines)}\n  ${paint.warn('On this mesh your achievements bring no points: you are none of its minters.')}`;
}

function recent({ recent: entries, account }: ScoreReport): string {
  if (entries.length === 0) return '  none yet';
  return `${indent(receiptTable(entries, account))}\n  All of them: qmesh score log`;
}

/** @param own the account from whose point of view points are a gain or a loss */
export function receiptTable(entries: readonly LedgerEntry[], own: string | undefined): string {
  const rows = entries.map((entry) => [
    shownTime(entry.finishedAt),
    short(entry.worker, own),
    short(entry.client, own),
    points(entry.score),
    entry.maxPrice === 0 ? 'guest' : points(paidOf(entry)),
    `${(entry.responseMs / 1_000).toFixed(1)} s`,
    entry.success ? '' : 'failed',
  ]);
  return table(['FINISHED', 'WORKER', 'CLIENT', 'SCORE', 'PAID', 'TOOK', ''], rows, { right: [3, 4, 5] });
}

const short = (account: string, own: string | undefined): string =>
  account === own ? 'you' : `${account.slice(0, 12)}…`;

/** Local time, as `2026-11-23 14:05:09`. */
const shownTime = (atMs: number): string => new Date(atMs).toLocaleString('sv-SE');

export interface PolicyWord {
  readonly text: string;
  readonly isWarning: boolean;
}

/** Which validators count here, and what that does not protect against. */
export function policyWords({ policy, openClaims, solo }: ScoreReport): PolicyWord[] {
  const { validators, threshold, present, minters } = policy;
  const plain = (text: string): PolicyWord => ({ text, isWarning: false });
  const warning = (text: string): PolicyWord => ({ text, isWarning: true });
  const isAlone = validators === 'seen' && present === 1;
  return [
    ...(validators === 'seen'
      ? [
          plain(
            `The workers that this node has met${present === null ? '' : ` (${present} now, ${threshold ?? 0} must agree)`}.`,
          ),
          warning('That is no defence against identities made in bulk: for friends and trials, not for strangers.'),
          plain('To name validators: --validators, the same on all nodes.'),
        ]
      : [plain(`${threshold ?? 0} of ${validators} named validators must agree.`)]),
    minters === 'everyone'
      ? warning('Everyone can create points, by serving guests and by achievements; --minters limits that.')
      : plain(`${minters} named nodes can create points; all others earn them from clients that pay.`),
    ...(isAlone ? [plain('No other worker is here: this node certifies for itself.')] : []),
    ...(solo > 0
      ? [
          warning(
            `${solo} ${solo === 1 ? 'receipt was' : 'receipts were'} certified by this node alone; others may not count them.`,
          ),
        ]
      : []),
    ...(validators !== 'seen' && openClaims > 0 ? [plain(`${openClaims} claims wait for validators.`)] : []),
  ];
}

const indent = (text: string): string => text.replaceAll(/^/gm, '  ');
