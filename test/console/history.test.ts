import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { buildConsole } from '../../scripts/build-console.ts'
import { runStarted } from '../../src/orchestration/events.ts'
import { look, startBrowser } from './browser.ts'
import { gateTitled, openStage, tenItems } from './stage.ts'

let browser: Browser
before(async () => {
  await buildConsole()
  browser = await startBrowser()
})
after(() => browser?.close())

test('what stopped for one cause is tried again together, after it was shown', { timeout: 200_000 }, async () => {
  await using stage = await openStage(async (company, flows, till) => {
    for (const [n, charge] of ['ch_1', 'ch_2'].entries()) {
      till.charges.set(charge, { amount: 900, left: 900 })
      await company.run(flows.refund, { charge, amount: 900, to: `n${n}@studio.example`, reason: 'twice' })
      till.script = ['refuse']
      await company.decide('approve', { gate: await gateTitled(company, charge) })
      await company.advance('2m')
    }
  })
  const { page, problems } = await look(browser, stage, '/history?lens=stopped')
  await page.locator('[data-row="till.refund:till.refused"]').waitFor()
  await page.keyboard.press('j')
  await page.getByRole('button', { name: /Redrive all/ }).waitFor()
  await page.keyboard.press('Enter')
  const dialog = page.locator('[data-redrive="shown"]')
  await dialog.waitFor()
  assert.equal(await dialog.locator('[data-sent] li').count(), 2)
  assert.match(await dialog.innerText(), /called once more under the key/)
  assert.equal(stage.till.done.length, 0, 'looking sends nothing')
  await page.keyboard.press('Enter')
  await page.locator('[data-redrive="done"]').waitFor()
  await stage.company.idle()
  await page.locator('[data-redrive="done"] li', { hasText: 'succeeded' }).nth(1).waitFor()
  assert.equal(stage.till.done.length, 2)
  const { items } = await stage.company.ask('ledger', { kind: 'gate.decided', limit: 100 })
  assert.equal(items.filter((e) => e.body.outcome === 'retry').length, 2, 'an entry in the record for each')
  assert.deepEqual(problems, [])
})

test(
  'uncertain effects are reconciled and what was snoozed comes back, by keyboard',
  { timeout: 200_000 },
  async () => {
    await using stage = await openStage()
    await tenItems(stage)
    const { page, problems } = await look(browser, stage, '/history?lens=effects&state=uncertain')
    await page.locator('[data-row]').first().waitFor()
    await page.locator('[data-end]', { hasText: 'One row: all that match' }).waitFor()
    await page.keyboard.press('j')
    await page.getByRole('button', { name: /Say what happened/ }).waitFor()
    await page.keyboard.press('Enter')
    await page.locator('[data-reconcile] button', { hasText: 'It happened' }).waitFor()
    await page.keyboard.press('Enter')
    await page.locator('[data-toast]', { hasText: 'Noted as done' }).waitFor()
    assert.equal((await stage.company.list('effects', { state: 'uncertain' })).length, 0)

    await page.keyboard.press('2')
    const all = await stage.company.ask('queue', {})
    await page.getByRole('button', { name: `All ${all.items.length}` }).waitFor()
    await page.locator('article header h2').waitFor()
    await page.keyboard.press('s')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.press('Enter')
    await page.locator('[data-toast]', { hasText: 'Snoozed until' }).waitFor()
    assert.equal((await stage.company.ask('queue', {})).snoozed, 1)
    await page.keyboard.press('z')
    await page.locator('[data-toast]', { hasText: 'Back in the queue' }).waitFor()
    assert.equal((await stage.company.ask('queue', {})).snoozed, 0)
    assert.deepEqual(problems, [])
  },
)

test(
  'a run is cancelled after what that does was shown; of many runs only what can be seen is drawn',
  { timeout: 240_000 },
  async () => {
    await using stage = await openStage()
    const { store } = stage.company.open
    for (let from = 0; from < 1_200; from += 400) {
      const events = Array.from({ length: 400 }, () => {
        const body = {
          workflow: 'ask',
          version: 1,
          state: 'queued',
          lane: 'x',
          signal: null,
          trust: 'operator',
          parent: null,
          parentWait: null,
        } as const
        return runStarted(store.newId('run'), body, { private: { input: null }, actor: 'operator' })
      })
      await store.commit({ key: `runs:${from}`, events })
    }
    stage.till.charges.set('ch_9', { amount: 900, left: 900 })
    const id = await stage.company.run(stage.flows.refund, {
      charge: 'ch_9',
      amount: 900,
      to: 'a@b.example',
      reason: 'twice',
    })
    const { page, problems } = await look(browser, stage, '/history')
    const rows = page.locator('[data-row]')
    await page.locator(`[data-row="${id}"]`).waitFor()
    assert.ok((await rows.count()) < 60)
    await page.keyboard.press('j')
    await page.getByRole('button', { name: 'Stop now' }).waitFor()
    await page.getByRole('button', { name: 'Stop now' }).press('Enter')
    await page.locator('[data-plan="cancel"] [data-becomes="dropped"]', { hasText: 'Refund 9.00 EUR' }).waitFor()
    assert.equal((await stage.company.effects())[0]!.state, 'gated', 'looking stops nothing')
    await page.keyboard.press('Enter')
    await page.locator('[data-toast]', { hasText: 'The run is stopped' }).waitFor()
    assert.equal((await stage.company.row(id)).state, 'cancelled')
    // Down to the very last, page by page.
    for (let n = 200; n < 1_202; n += 200) {
      await page.keyboard.press('End')
      await page
        .locator(`[aria-setsize="${Math.min(n + 200, 1_202)}"]`)
        .first()
        .waitFor({ timeout: 15_000 })
    }
    await page.locator('[data-end]', { hasText: '1,202 rows: that is all' }).waitFor()
    await page.keyboard.press('End')
    await page.locator('[aria-posinset="1202"] [aria-current="true"]').waitFor()
    assert.ok((await rows.count()) < 60)
    assert.deepEqual(problems, [])
  },
)
