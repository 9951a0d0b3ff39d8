import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { buildConsole } from '../../scripts/build-console.ts'
import { gateOpened } from '../../src/governance/gates.ts'
import { look, startBrowser } from './browser.ts'
import { openStage } from './stage.ts'

let browser: Browser
before(async () => {
  await buildConsole()
  browser = await startBrowser()
})
after(() => browser?.close())

const ITEMS = 10_000
const NONE = { signals: [], facts: [], decisions: [], documents: [], messages: [] }

/** Counts of work, not times: what is drawn and asked for must not grow with the queue. */
test('of ten thousand items only what can be seen is drawn and asked for', { timeout: 240_000 }, async () => {
  await using stage = await openStage()
  const { store } = stage.company.open
  for (let from = 0; from < ITEMS; from += 1_000) {
    const events = Array.from({ length: 1_000 }, (_, n) =>
      gateOpened(
        store.newId('gate'),
        {
          kind: 'contract',
          subject: `service:${from + n}`,
          run: null,
          template: [{ outcome: 'accept', label: 'It is fine' }],
          evidence: NONE,
          binding: null,
          risk: null,
          reason: 'it changed',
        },
        { private: { title: `Item ${from + n}`, proposal: null }, actor: 'operator' },
      ),
    )
    await store.commit({ key: `many:${from}`, events })
  }
  const { page, requests } = await look(browser, stage, '/queue?kind=contract')
  const rows = page.locator('[data-row]')
  await rows.first().waitFor()
  await page.getByRole('button', { name: 'All 10,001' }).waitFor()
  const drawn = await rows.count()
  assert.ok(drawn > 5 && drawn < 50, `${drawn} rows are in the page`)
  const asked = requests.filter((r) => r.includes('/v1/queue')).length
  assert.ok(asked <= 2, `the queue was asked for ${asked} times`)

  // Ten steps down: ten items are looked at, and the list is not asked for again.
  const before = requests.length
  for (let n = 0; n < 10; n++) {
    const at = page.url()
    await page.keyboard.press('j')
    await page.waitForFunction((was) => location.href !== was, at)
  }
  await page.locator('article header h2', { hasText: 'Item' }).waitFor()
  const made = requests.slice(before)
  assert.ok(made.length <= 12, made.join('\n'))
  assert.equal(made.filter((r) => r.includes('/v1/queue')).length, 0)
  assert.ok((await rows.count()) < 50)

  // At the end of what is there the next page is asked for, and no other.
  await page.keyboard.press('End')
  await page.waitForFunction(
    () => Number(document.querySelector('[data-row]')?.getAttribute('aria-setsize') ?? 0) > 200,
    undefined,
    { timeout: 20_000 },
  )
  assert.ok((await rows.count()) < 50)
})
