/**
 * Limits live beside the queue, map or retry that they cap. This one caps all machines: it is the
 * `options.maxIterations` of each (test/unit/statecharts.test.ts). XState's default is no limit, so a cycle of
 * transitions would hang the process. Events that a step raises to itself count too, so their number must not grow with
 * the amount of work.
 */
export const maxMicrosteps = 1_000;
