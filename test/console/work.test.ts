import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { buildConsole } from '../../scripts/build-console.ts'
import { gateOpened } from '../../src/governance/gates.ts'
import { look, startBrowser, type Looked } from './browser.ts'
import { openStage, type Stage } from './stage.ts'

/** Speed as counts of work: how much is asked for and drawn. Times are the benchmark's. */
let browser: Browser
let stage: Stage
before(async () => {
  await buildConsole()
  stage = await openStage()
  await open(0, 1_000, 1_000)
  browser = await startBrowser()
})
after(async () => {
  await browser?.close()
  await stage?.[Symbol.asyncDispose]()
})

const NONE = { signals: [], facts: [], decisions: [], documents: [], messages: [] }

/** Items `from` to `to`, so many to a commit. */
async function open(from: number, to: number, atOnce: number): Promise<void> {
  const { store } = stage.company.open
  for (let first = from; first < to; first += atOnce) {
    const events = Array.from({ length: atOnce }, (_, n) =>
      gateOpened(
        store.newId('gate'),
        {
          kind: 'contract',
          subject: `service:${first + n}`,
          run: null,
          template: [{ outcome: 'accept', label: 'It is fine' }],
          evidence: NONE,
          binding: null,
          risk: null,
          reason: 'it changed',
        },
        { private: { title: `Item ${first + n}`, proposal: null }, actor: 'operator' },
      ),
    )
    await store.commit({ key: `work:${first}`, events })
  }
}

/** How often each was asked for: `GET /v1/queue`, `GET /assets/*.js`. */
function counts(requests: readonly string[]): Record<string, number> {
  const of: Record<string, number> = {}
  for (const one of requests) {
    const [method, url] = one.split(' ') as [string, string]
    const path = new URL(url).pathname.replace(/^\/assets\/.*(\.\w+)$/, '/assets/*$1')
    of[`${method} ${path}`] = (of[`${method} ${path}`] ?? 0) + 1
  }
  return of
}

/** Until nothing was asked for in a while. */
async function settled({ page, requests }: Looked): Promise<void> {
  for (let was = -1; was !== requests.length;) {
    was = requests.length
    await page.waitForTimeout(700)
  }
}

const PATH = '/queue?kind=contract'

test('the first load asks for what is shown, once, and for no other page', { timeout: 60_000 }, async () => {
  const looked = await look(browser, stage, PATH)
  await looked.page.locator('article[data-item]').waitFor()
  await settled(looked)
  const { 'GET /v1/gate': gates, ...once } = counts(looked.requests)
  assert.ok(gates! <= 2, `the item, and the one below it: ${gates}`)
  assert.ok(once['GET /assets/*.js']! <= 2, `${once['GET /assets/*.js']} scripts`)
  delete once['GET /assets/*.js']
  assert.deepEqual(
    Object.entries(once).filter(([, n]) => n > 1),
    [],
  )
  assert.deepEqual(Object.keys(once).toSorted(), [
    'GET /access/state',
    'GET /assets/*.css',
    'GET /assets/*.woff2',
    'GET /queue',
    'GET /v1/events',
    'GET /v1/pauses',
    'GET /v1/queue',
    'GET /v1/status',
  ])
  assert.ok((await looked.page.locator('[data-row]').count()) < 50)
  const nodes = await looked.page.evaluate(() => document.querySelectorAll('*').length)
  assert.ok(nodes < 1_500, `${nodes} elements`)
  await looked.context.close()
})

test('a decision asks for itself, the next item, and at most once for the list', { timeout: 60_000 }, async () => {
  const looked = await look(browser, stage, PATH)
  const { page, requests } = looked
  const whole = () => page.locator('article[data-item]').getAttribute('data-item')
  await page.locator('article[data-item]').waitFor()
  await settled(looked)
  requests.length = 0
  const DECISIONS = 10
  for (let n = 0; n < DECISIONS; n++) {
    const was = await whole()
    await page.keyboard.press('a')
    await page.waitForFunction((id) => {
      const item = document.querySelector('article[data-item]')?.getAttribute('data-item')
      return item !== undefined && item !== null && item !== id
    }, was)
  }
  await settled(looked)
  const { 'POST /v1/decide': decided, 'GET /v1/gate': gates, 'GET /v1/queue': lists, ...rest } = counts(requests)
  assert.equal(decided, DECISIONS)
  // Read ahead, and once more where the list moved while it was looked at.
  assert.ok(gates! <= 2 * DECISIONS + 2, `${gates} items`)
  assert.ok(lists! <= DECISIONS + 1, `the list ${lists} times`)
  assert.deepEqual(Object.keys(rest), ['GET /v1/status'])
  assert.ok(rest['GET /v1/status']! <= DECISIONS + 1)
  await looked.context.close()
})

test('a burst of a thousand events is read in few rounds, and its end is shown', { timeout: 90_000 }, async () => {
  const looked = await look(browser, stage, PATH)
  await looked.page.locator('article[data-item]').waitFor()
  await settled(looked)
  looked.requests.length = 0
  await open(1_000, 2_000, 5)
  const { counts: open_ } = await stage.company.ask('queue', { limit: 1 })
  const all = Object.values(open_).reduce((sum, n) => sum + n, 0)
  await looked.page.getByRole('button', { name: `All ${all.toLocaleString('en-GB')}` }).waitFor()
  await settled(looked)
  const made = counts(looked.requests)
  assert.ok(made['GET /v1/queue']! <= 25, `the list ${made['GET /v1/queue']} times`)
  assert.ok(looked.requests.length <= 80, JSON.stringify(made))
  await looked.context.close()
})

test('what pauses is read when something is paused, in every tab', { timeout: 60_000 }, async () => {
  const looked = await look(browser, stage, PATH)
  await looked.page.locator('article[data-item]').waitFor()
  await settled(looked)
  looked.requests.length = 0
  await stage.company.ask('pause', { scope: 'all', reason: 'to look into it' })
  await looked.page.locator('[data-paused="all"]').waitFor()
  assert.equal(counts(looked.requests)['GET /v1/pauses'], 1)
  await stage.company.ask('resume', { scope: 'all' })
  await looked.page.locator('[data-paused="all"]').waitFor({ state: 'detached' })
  await looked.context.close()
})
