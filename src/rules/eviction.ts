/**
 * Which connection is closed to make room where a worker's places are all taken. Identities are free, so a stranger can take as many places
 * as he likes, and must not keep everybody else out by it.
 *
 * Invariants: no connection is closed that has an unfinished request, is to be kept, or has been idle for less than `minIdleMs` (or a mesh
 * with more clients than places would dial without end); of the others it is one from the address that holds the most places, and of
 * those the one that has been idle the longest.
 */
export const evictionRules = { minIdleMs: 10_000 } as const;

export interface Seated {
  /** Where it comes from; those of whom it is not known count as one. */
  readonly address: string | undefined;
  /** Whether it waits for something, or is the owner. */
  readonly isNeeded: boolean;
  /** Since when nothing of it was unfinished. Other frames than requests cost nothing, and so count for nothing. */
  readonly idleSinceMs: number;
}

/** The connection to close; undefined where none may be closed. */
export function whoLeaves<Peer extends Seated>(seated: readonly Peer[], nowMs: number): Peer | undefined {
  const held = new Map<string | undefined, number>();
  for (const { address } of seated) held.set(address, (held.get(address) ?? 0) + 1);
  const placesOf = ({ address }: Seated): number => held.get(address) ?? 0;
  return seated
    .filter(({ isNeeded, idleSinceMs }) => !isNeeded && nowMs - idleSinceMs >= evictionRules.minIdleMs)
    .reduce<Peer | undefined>((worst, peer) => {
      if (worst === undefined) return peer;
      const byPlaces = placesOf(peer) - placesOf(worst);
      return byPlaces > 0 || (byPlaces === 0 && peer.idleSinceMs < worst.idleSinceMs) ? peer : worst;
    }, undefined);
}
