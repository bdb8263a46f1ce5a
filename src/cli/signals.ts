/** Signals that stop a program: the first asks it to stop, a second one ends the process at once. */

/** SIGHUP: the terminal was closed. */
const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Resolves at the first signal. From then on a second one exits with 130. */
export function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const first = (signal: NodeJS.Signals): void => {
      for (const name of stopSignals) {
        process.off(name, first);
        process.on(name, () => process.exit(130));
      }
      resolve(signal);
    };
    for (const name of stopSignals) process.on(name, first);
  });
}
