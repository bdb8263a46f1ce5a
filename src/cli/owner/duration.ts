/** Durations as people write and read them: `90m`, `2h`, `1h30m`, `2d`. */

const unitMs = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 } as const;
type Unit = keyof typeof unitMs;
const units = Object.keys(unitMs) as Unit[];

/** Undefined if it is not a duration. */
export function parseDurationMs(text: string): number | undefined {
  const parts = /^(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?$/
    .exec(text.trim().toLowerCase())
    ?.slice(1);
  if (parts === undefined) return undefined;
  const sumMs = units.reduce((sum, unit, i) => sum + Number(parts[i] ?? 0) * unitMs[unit], 0);
  return sumMs > 0 ? sumMs : undefined;
}

/** The two largest units: `2 h 5 min`. */
export function showDuration(ms: number): string {
  const names: Readonly<Record<Unit, string>> = { d: 'd', h: 'h', m: 'min', s: 's' };
  let restMs = Math.max(0, Math.round(ms / 1_000) * 1_000);
  const shown: string[] = [];
  for (const unit of units) {
    const count = Math.floor(restMs / unitMs[unit]);
    restMs -= count * unitMs[unit];
    if (shown.length > 0 || count > 0) shown.push(count > 0 ? `${count} ${names[unit]}` : '');
  }
  return (
    shown
      .slice(0, 2)
      .filter((part) => part !== '')
      .join(' ') || '0 s'
  );
}
