/** Models that are always on the disk: found at once, complete, and probed only if their name begins with `foreign`. */
import { Buffer } from 'node:buffer';
import type { ModelFiles } from '../../../src/actors/models/model-files.js';
import type { Clock } from '../../../src/runtime/clock.js';

export function simModelFiles(clock: Clock): ModelFiles {
  const later = (act: () => void): (() => void) => {
    const timer = clock.setTimeout(act, 10);
    return () => clock.clearTimeout(timer);
  };
  return {
    locate: (wanted, on) => later(() => on.found(`/models/${wanted}.gguf`)),
    verify: (wanted, path, on) =>
      later(() =>
        on.verified(
          {
            name: wanted,
            sha256: Buffer.from(wanted).toString('hex').padEnd(64, '0').slice(0, 64),
            bytes: 1,
            path,
            contextSize: 4_096,
            memoryBytes: 1,
          },
          wanted.startsWith('foreign'),
        ),
      ),
    rememberProbe: () => {},
    noteFetched: () => {},
    discard: () => {},
  };
}
