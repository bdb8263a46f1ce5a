/**
 * Achievements: what a worker is awarded once, as a function of its certified receipts alone. Another achievement is another row of the
 * table. Failed requests do not count.
 */

/** Counted over a worker's certified receipts of successful requests. */
export interface ServiceRecord {
  readonly served: number;
  /** Answered in less than `fastMs`. */
  readonly fast: number;
  /** With the full points for complexity. */
  readonly heavy: number;
  /** Distinct. */
  readonly clients: number;
}

export const fastMs = 2_000;

interface AchievementRule {
  readonly title: string;
  readonly of: keyof ServiceRecord;
  readonly atLeast: number;
  readonly millipoints: number;
}

export const achievementRules = {
  first_light: { title: 'First Light', of: 'served', atLeast: 1, millipoints: 5_000 },
  speed_demon: { title: 'Speed Demon', of: 'fast', atLeast: 10, millipoints: 20_000 },
  heavy_lifter: { title: 'Heavy Lifter', of: 'heavy', atLeast: 25, millipoints: 25_000 },
  good_neighbour: { title: 'Good Neighbour', of: 'clients', atLeast: 10, millipoints: 25_000 },
  century: { title: 'Century', of: 'served', atLeast: 100, millipoints: 50_000 },
  marathon: { title: 'Marathon', of: 'served', atLeast: 1_000, millipoints: 200_000 },
} as const satisfies Record<string, AchievementRule>;

export type Achievement = keyof typeof achievementRules;

const all = Object.entries(achievementRules) as readonly (readonly [Achievement, AchievementRule])[];

export const achievementsOf = (record: ServiceRecord): Achievement[] =>
  all.filter(([, rule]) => record[rule.of] >= rule.atLeast).map(([name]) => name);

export const achievementPoints = (record: ServiceRecord): number =>
  all.reduce((sum, [, rule]) => (record[rule.of] >= rule.atLeast ? sum + rule.millipoints : sum), 0);
