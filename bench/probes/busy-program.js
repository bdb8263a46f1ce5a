/** A program of the machine's owner: computes on one core as fast as it can, and reports its progress on stdout. */
import { writeSync } from 'node:fs';

const saysEveryMs = 50;
const stepsPerLook = 20_000;

let state = 1;
let steps = 0;
let saidMs = performance.now();
for (;;) {
  for (let i = 0; i < stepsPerLook; i++) state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  steps += stepsPerLook;
  const now = performance.now();
  if (now - saidMs < saysEveryMs) continue;
  saidMs = now;
  writeSync(1, `${now} ${steps} ${state}\n`);
}
