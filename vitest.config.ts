import { defineConfig } from 'vitest/config';

/** In these it is looked at how long something takes: each runs alone, since a test that competes with another one measures that one. */
const timed = ['fail-over', 'flood', 'streams'].map((name) => `test/chaos/${name}.test.ts`);

/** One project per kind of test, so that each states its own time limit. Two files run at once. */
export default defineConfig({
  test: {
    // XState's development build warns of any machine that is stepped inside another one's action, which is what a
    // message delivered at once does. It is harmless, and there is no such check in the production build.
    onConsoleLog: (log) => !log.includes('Custom actions should not call'),
    globalSetup: 'test/support/own-temporary-folder.ts',
    maxWorkers: 2,
    env: { QMESH_BOOTSTRAP: '127.0.0.1:1' }, // nothing in a test may look for the public network, or for this user's local mesh
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 15_000 } },
      { extends: true, test: { name: 'property', include: ['test/property/**/*.test.ts'], testTimeout: 120_000 } },
      { extends: true, test: { name: 'simulation', include: ['test/simulation/**/*.test.ts'], testTimeout: 240_000 } },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          exclude: timed,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'chaos-timed',
          include: timed,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: { name: 'browser', include: ['test/browser/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 },
      },
    ],
  },
});
