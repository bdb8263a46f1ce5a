/**
 * Limits live where they belong, beside the queue, map or retry that they cap. This one caps all machines alike: it is the
 * `options.maxIterations` of each, since XState's own default is no limit, and a cycle of transitions hangs the process.
 */
export const MAX_MICROSTEPS = 1_000;
