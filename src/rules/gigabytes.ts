/** A size as the reasons in these rules give it: `1.7 GB`. */
export const inGb = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
