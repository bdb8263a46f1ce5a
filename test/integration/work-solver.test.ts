/** Proofs of work found on a thread: the main thread goes on meanwhile, and what is given up costs nothing more. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { createWorkSolver, maxSolvableBits, type WorkSolverThread } from '../../src/actors/ask/work-solver.js';
import { provesWork, type WorkTask } from '../../src/protocol/work.js';
import { dist } from '../support/dist.js';

const entry = pathToFileURL(join(dist, 'actors/ask/work-search.js'));

let solver: WorkSolverThread | undefined;
afterEach(() => solver?.close());

const task = (bits: number, id = 'r1'): WorkTask => ({
  challenge: '0123456789abcdef'.repeat(2),
  client: 'ab'.repeat(32),
  id,
  bits,
});
const solve = (bits: number, id?: string) =>
  new Promise<string | undefined>((done) => solver?.solve(task(bits, id), done));

describe('a work solver', () => {
  it('finds proofs, one after another, while timers run on', async () => {
    solver = createWorkSolver(entry);
    await solve(1); // the thread is up
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    const ids = ['a', 'b', 'c'];
    const nonces = await Promise.all(ids.map((id) => solve(16, id)));
    clearInterval(timer);
    for (const [i, id] of ids.entries()) expect(provesWork(task(16, id), nonces[i] ?? '')).toBe(true);
    expect(ticks).toBeGreaterThan(3); // some 200,000 tries: half a second of the other thread
  });

  it('says nothing more about what was cancelled, and goes on with the next', async () => {
    solver = createWorkSolver(entry);
    let said = 0;
    const cancel = solver.solve(task(maxSolvableBits), () => said++);
    await new Promise((resolve) => setTimeout(resolve, 200));
    cancel();
    const nonce = await solve(8);
    expect(provesWork(task(8), nonce ?? '')).toBe(true);
    expect(said).toBe(0);
  });

  it('does not begin what nobody can finish, and gives no proof once it is closed', async () => {
    solver = createWorkSolver(entry);
    expect(await solve(maxSolvableBits + 1)).toBeUndefined();
    const unfinished = solve(maxSolvableBits, 'never');
    solver.close();
    expect(await unfinished).toBeUndefined();
    expect(await solve(1)).toBeUndefined();
  });
});
