/**
 * Limits live where they belong, beside the queue, map or retry that they cap. This one caps all machines alike: it is the
 * `options.maxIterations` of each (test/unit/statecharts.test.ts), since XState's own default is no limit, and a cycle of transitions would
 * hang the process. What a step raises to itself counts, too: it must not depend on how much there is to do.
 */
export const maxMicrosteps = 1_000;
