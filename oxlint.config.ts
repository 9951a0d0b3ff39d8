import { defineConfig, type OxlintOverride } from 'oxlint'

const layers = ['lib', 'store', 'context', 'governance', 'execution', 'orchestration', 'input', 'server', 'cli']

const restrict = (files: string[], regex: string, message: string): OxlintOverride => ({
  files,
  rules: { 'no-restricted-imports': ['error', { patterns: [{ regex, message }] }] },
})

/** Layers are folders: src/<layer> imports itself, what is on its left, and packages. */
const layerRules = layers.flatMap((layer, at) =>
  [1, 2].flatMap((depth) => {
    const inner = `${layer}/${'*/'.repeat(depth - 1)}`
    const up = '\\.\\./'.repeat(depth)
    const right = `^${up}(${layers.slice(at + 1).join('|') || '-'})/`
    const entries = `^${up}(index|connector|testing)\\.ts$`
    const outside = `^${up}\\.\\./|^factotum(/|$)`
    return [
      restrict(
        [`src/${inner}*.ts`],
        `${right}|${entries}|${outside}`,
        `Imports point one way: ${layers.join(' -> ')}. A layer imports neither from its right, nor an entry point, nor from outside src/.`,
      ),
      // A test may also use the in-memory company of src/testing.ts and the helpers in test/.
      restrict([`src/${inner}*.test.ts`], right, `Imports point one way, in tests too: ${layers.join(' -> ')}.`),
    ]
  }),
)

export default defineConfig({
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'node', 'promise'],
  options: { typeAware: true, denyWarnings: true, reportUnusedDisableDirectives: 'error' },
  ignorePatterns: ['node_modules', 'dist', '**/data/**'],
  categories: { correctness: 'error' },
  rules: {
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/await-thenable': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/only-throw-error': 'error',
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    'typescript/consistent-type-imports': 'error',
    'import/no-cycle': 'error',
    eqeqeq: ['error', 'always', { null: 'ignore' }],
    'no-var': 'error',
    'prefer-const': 'error',
  },
  overrides: [
    // node:test hands back the promises of its tests and awaits them itself.
    {
      files: ['**/*.test.ts'],
      rules: {
        'typescript/no-floating-promises': [
          'error',
          {
            allowForKnownSafeCalls: [
              { from: 'package', name: ['test', 'it', 'describe', 'suite'], package: 'node:test' },
            ],
          },
        ],
      },
    },
    // Must be readable by a Node older than `const` is universal on.
    { files: ['bin/*.js'], rules: { 'no-var': 'off' } },
    ...layerRules,
    restrict(
      ['connectors/*/*.ts'],
      '^\\.\\./([^.]|\\.\\./(src/(.*/|index|testing)|[^s]))|^factotum(/|$)',
      'A connector imports src/connector.ts, its own folder and packages.',
    ),
    restrict(
      ['connectors/*/*.test.ts'],
      '^\\.\\./([^.]|\\.\\./src/.*/)|^factotum(/|$)',
      "A connector's test may also import src/testing.ts and the helpers in test/.",
    ),
    restrict(
      ['examples/*/**/*.ts', 'src/cli/template/**/*.ts'],
      '(^|/)\\.\\./\\.\\./(\\.\\./)*(src|connectors|test|bench|bin|scripts)/',
      "An example is a user's code: it imports 'factotum' and 'factotum/*'.",
    ),
  ],
})
