import { expect, it } from 'vitest';
import { describeExit } from '../../../src/actors/engine-exit.js';

const gone = { code: null, signal: 'SIGABRT', stderrTail: '' };

it.each<[what: string, how: Parameters<typeof describeExit>[0], line: string]>([
  ['by a signal that nobody explains', { ...gone, signal: 'SIGKILL' }, 'SIGKILL'],
  ['by an exit code', { ...gone, code: 3, signal: null }, 'exit code 3'],
  [
    'without ever having started',
    { ...gone, signal: null, stderrTail: 'spawn EAGAIN' },
    'exit code unknown: spawn EAGAIN',
  ],
  [
    'by an exception of Node',
    {
      code: 1,
      signal: null,
      stderrTail:
        "node:internal/modules/cjs/loader:1210\n  throw err;\n  ^\n\nError: Cannot find module '/x.js'\n    at f (y.js:1:2) {\n  code: 'MODULE_NOT_FOUND'\n}\n\nNode.js v20.20.2\n",
    },
    "exit code 1: Error: Cannot find module '/x.js'",
  ],
  [
    'by an assertion of llama.cpp',
    { ...gone, stderrTail: 'loading\nggml.c:12: GGML_ASSERT(n > 0) failed\n#0 0x1 in ?? ()\n' },
    'SIGABRT: ggml.c:12: GGML_ASSERT(n > 0) failed',
  ],
  ['with some last words', { ...gone, stderrTail: 'one\ntwo\n\n' }, 'SIGABRT: two'],
])('an engine that ended %s', (_, how, line) => {
  expect(describeExit(how)).toBe(line);
});
