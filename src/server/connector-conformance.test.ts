/**
 * The suite itself: a connector without a defect passes it, and each defect fails the test that is there to find it.
 * The defects are played by this file again, in a process of its own, whose tests are meant to fail.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { action, ActionError, type ActionContext, type Connector } from '../execution/action.ts'
import { connectorConformance, type Fault } from './connector-conformance.ts'

/** The name of the defect, and the beginning of the test that finds it. */
const DEFECTS = {
  'rings twice': 'the same key twice',
  'finds what never was': 'nothing is found',
  'cannot find what was': 'an answer that is lost',
  'observes by ringing': 'looking changes nothing',
  'undoes nothing': 'an undo puts back',
  'finds an undo that was not made': 'an undo under the same key',
  'hopes for other credentials': 'refused credentials',
  'repeats the secret': 'a refusal that repeats',
  'gives up when asked to wait': '"too many"',
  'gives up when nobody listens': 'a service that nobody reaches',
  'says that nothing happened after a time-out': 'a call ends with its time-out',
  'does not listen to its signal': 'a call ends with its time-out',
  'takes garbage for a refusal': 'an answer that nobody understands',
  'describes itself with its secret': 'a write happens once',
} as const
type Defect = keyof typeof DEFECTS

const refusal = (kind: 'transient' | 'domain' | 'uncertain', what: string, retryAfterMs?: number) =>
  new ActionError(kind, `till.${what}`, `The till says: ${what}.`, retryAfterMs === undefined ? {} : { retryAfterMs })

class Till {
  readonly sales: { key: string; item: string }[] = []
  rung = 0
  fault: Fault | null = null
  readonly #defect: Defect | undefined
  constructor(defect: Defect | undefined) {
    this.#defect = defect
  }

  async ring(item: string, secret: string, ctx: ActionContext): Promise<{ ref: string }> {
    const has = (defect: Defect) => this.#defect === defect
    if (this.fault === 'credentials')
      throw refusal(has('hopes for other credentials') ? 'transient' : 'domain', 'credentials')
    if (this.fault === 'echo')
      throw refusal('domain', has('repeats the secret') ? `you_are ${btoa(`me:${secret}`)}` : 'echo')
    if (this.fault === 'rate_limit')
      throw refusal(has('gives up when asked to wait') ? 'domain' : 'transient', 'later', 90_000)
    if (this.fault === 'down') throw refusal(has('gives up when nobody listens') ? 'domain' : 'transient', 'down')
    if (has('rings twice') || has('cannot find what was') || !this.sales.some((sale) => sale.key === ctx.key)) {
      this.sales.push({ key: ctx.key, item })
      this.rung++
    }
    if (this.fault === 'garbage') throw refusal(has('takes garbage for a refusal') ? 'domain' : 'uncertain', 'garbage')
    if (this.fault === 'slow') {
      if (has('does not listen to its signal')) await new Promise(() => {})
      await once(ctx.signal, 'abort')
      throw refusal(has('says that nothing happened after a time-out') ? 'transient' : 'uncertain', 'timeout')
    }
    return { ref: ctx.key }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function connector(till: Till, secret: string, defect: Defect | undefined): Connector {
  const has = (name: Defect) => defect === name
  const ring = action('till.ring', {
    risk: 'compensable',
    input: z.object({ item: z.string() }),
    output: z.object({ ref: z.string() }),
    title: ({ item }) => `Ring up ${item}`,
    idempotent: !has('cannot find what was'),
    observe: async () => (has('observes by ringing') ? till.sales.push({ key: '', item: '' }) : [...till.sales]),
    run: ({ item }, ctx) => till.ring(item, secret, ctx),
    reconcile: async (_, ctx) =>
      has('finds what never was') || till.sales.some((sale) => sale.key === ctx.key)
        ? { found: has('cannot find what was') ? 'no' : 'yes', output: { ref: ctx.key } }
        : { found: 'no' },
    undo: async (_, { ref }) => {
      const at = till.sales.findIndex((sale) => sale.key === ref)
      if (at >= 0 && !has('undoes nothing')) till.sales.splice(at, 1)
    },
    reconcileUndo: async (_, { ref }) =>
      has('finds an undo that was not made') || !till.sales.some((sale) => sale.key === ref)
        ? { found: 'yes', output: null }
        : { found: 'no' },
  })
  return {
    name: 'till',
    actions: [ring],
    signals: [],
    open: async () => till,
    close: async () => {},
    describe: () => (has('describes itself with its secret') ? `a till, ${encodeURIComponent(secret)}` : 'a till'),
  }
}

function play(name: string, defect: Defect | undefined): void {
  connectorConformance(name, {
    world: () => new Till(defect),
    connector: (till, secret) => connector(till, secret, defect),
    action: 'till.ring',
    input: () => ({ item: 'tea' }),
    outside: (till) => ({ state: structuredClone(till.sales), done: till.rung }),
    fault: (till, fault) => void (till.fault = fault),
    credentialsCode: 'till.credentials',
  })
}

const defects = Object.entries(DEFECTS) as [Defect, string][]

if (process.env.FACTOTUM_TEST_DEFECTS) {
  for (const [defect] of defects) play(defect, defect)
} else {
  play('a till', undefined)
  test('each defect is found by the test that is there for it', async (t) => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [
        '--conditions=factotum-source',
        '--test-reporter=tap',
        ...defects.map(([defect, finder]) => `--test-name-pattern=^${defect}: the connector ${finder}`),
        fileURLToPath(import.meta.url),
      ],
      { env: { ...env, FACTOTUM_TEST_DEFECTS: '1' }, encoding: 'utf8' },
    )
    const suites = stdout.split(/^# Subtest: /m)
    for (const [defect, finder] of defects)
      await t.test(`a connector that ${defect}`, () => {
        const suite = suites.find((text) => text.startsWith(`${defect}: the connector`)) ?? stdout + stderr
        assert.match(suite, new RegExp(`^ +not ok \\d+ - ${finder}`, 'm'), suite)
      })
  })
}
