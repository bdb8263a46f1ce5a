/**
 * Which connection to close when all of a worker's places are taken. Identities are free, so a stranger can take any
 * number of places and must not lock everyone else out that way.
 *
 * Invariants: never closes a connection that has an unfinished request, must be kept, or has been idle for less than
 * `minIdleMs` (or a mesh with more clients than places would redial endlessly); of the others it picks one from the
 * address that holds the most places, and among those the one idle the longest.
 */
export const evictionRules = { minIdleMs: 10_000 } as const;

export interface Seated {
  /** Its remote address. Connections of unknown origin count as one address. */
  readonly address: string | undefined;
  /** It has an unfinished request, or is the owner's. */
  readonly isNeeded: boolean;
  /** When its last request ended. Other frames cost nothing, so they do not count. */
  readonly idleSinceMs: number;
}

/** The connection to close; undefined if none may be closed. */
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
