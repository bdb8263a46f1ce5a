/**
 * What cheating earns: each attack of bench/fraud/ is played against the project's own rules, under each policy. No
 * time is measured, so every run gives the same figures; docs/security.md shows them.
 */
import { attacks } from '../fraud/attacks.js';
import { summarise } from '../rounds.js';

export const name = 'fraud';
export const about = 'what attackers of the ledger earn in a day, compared with an honest worker (rules only)';

/** @param {import('../context.js').Context} context @returns {Promise<import('../report.js').BenchResult>} */
export async function run({ smoke, say }) {
  const outcomes = attacks.flatMap((play) => play(smoke));
  say('\n| attack | policy | gain | honest worker | detected | harm |\n| --- | --- | ---: | ---: | --- | --- |');
  for (const { attack, policy, gain, honest, detected, harm } of outcomes)
    say(
      `| ${attack} | ${policy} | ${gain.toLocaleString('en')} | ${honest.toLocaleString('en')} | ${detected} | ${harm} |`,
    );
  const figures = outcomes.flatMap(({ attack, policy, gain, honest }) => [
    figure(`${attack}: gain`, policy, gain),
    figure(`${attack}: honest`, policy, honest),
  ]);
  return {
    bench: name,
    settings: { outcomes },
    rounds: { kept: 1, discarded: 0, othersChecked: false, foreignCores: [] },
    figures,
    comparisons: [],
  };
}

/** @param {string} label @param {string} contender @param {number} points */
const figure = (label, contender, points) => ({
  metric: label,
  label,
  unit: 'points',
  contender,
  summary: summarise([points]),
});
