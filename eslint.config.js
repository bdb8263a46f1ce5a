import tseslint from 'typescript-eslint';

/** The layer table of docs/architecture.md: a folder of src/ and the folders of ours that it may import. */
const layers = {
  runtime: [],
  protocol: [],
  gguf: [],
  rules: ['protocol'],
  machines: ['protocol', 'rules', 'runtime'],
  engine: ['protocol', 'runtime'],
  actors: ['runtime', 'protocol', 'rules', 'machines', 'gguf', 'engine'],
  client: ['runtime', 'protocol', 'rules', 'machines', 'actors', 'gguf'],
  gateway: ['runtime', 'protocol', 'client'],
  admin: ['runtime', 'protocol', 'rules', 'machines', 'actors'],
  cli: ['runtime', 'protocol', 'rules', 'machines', 'actors', 'engine', 'gguf', 'client', 'gateway', 'admin'],
};

/** Time and chance are injected. The two files that may touch the real ones are exempted below. */
const ambient = [
  { object: 'Date', property: 'now', message: 'Take the time from a Clock (src/runtime/clock.ts).' },
  { object: 'performance', property: 'now', message: 'Take the time from a Clock (src/runtime/clock.ts).' },
  { object: 'Math', property: 'random', message: 'Take chance from a Random (src/runtime/random.ts).' },
];
const timers = ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval', 'setImmediate'].map((name) => ({
  name,
  message: 'Use the Clock port (src/runtime/clock.ts): simulated time must reach every timer.',
}));
/** The types of the browser are there for the admin page, and with them these words, which elsewhere are a slip of the pen. */
const browserWords = ['document', 'window', 'name', 'event', 'status', 'parent', 'top', 'location', 'history', 'length', 'open', 'close', 'stop', 'origin'].map((name) => ({ name, message: 'This is a global of browsers; did you mean a variable?' })); // prettier-ignore

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'coverage/', 'models/', 'docs/', 'bench/out/'] },
  {
    files: ['src/**/*.ts', 'test/**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      // A constant is a variable that happens not to change: one spelling for both. Foreign words may come apart as they are spelt.
      '@typescript-eslint/naming-convention': [
        'error',
        { selector: 'variable', format: ['camelCase', 'PascalCase'], leadingUnderscore: 'allow' },
        { selector: 'variable', modifiers: ['destructured'], format: null },
        { selector: 'variable', filter: '^BOOTSTRAP_NODES$', format: null }, // hyperdht's own
      ],
      'object-shorthand': ['error', 'properties'],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // xstate's `{} as Event` and empty callbacks of ports are idiomatic here
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-invalid-void-type': 'off',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'no-restricted-properties': ['error', ...ambient],
      'no-restricted-globals': ['error', ...timers, ...browserWords],
      'no-console': 'error',
    },
  },
  {
    // The page runs in a browser, with its clock.
    files: ['src/runtime/clock.ts', 'src/runtime/random.ts', 'src/admin/page/**/*.ts'],
    rules: { 'no-restricted-properties': 'off', 'no-restricted-globals': 'off' },
  },
  ...Object.entries(layers).map(([layer, allowed]) => ({
    files: [`src/${layer}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: `^(\\.\\./)+(${Object.keys(layers)
                .filter((l) => l !== layer && !allowed.includes(l))
                .join('|')})/`,
              message: `src/${layer}/ may import of ours only: ${allowed.join(', ') || 'nothing'} (docs/architecture.md, Layers).`,
            },
          ],
        },
      ],
    },
  })),
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-explicit-any': 'off',
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'kill', message: 'Use signalProcess (test/support/signal.ts): pid 0 is the test runner itself.' }, // prettier-ignore
      ],
    },
  },
  { files: ['test/support/signal.ts'], rules: { 'no-restricted-properties': 'off' } },
);
