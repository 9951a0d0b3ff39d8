import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { buildConsole } from '../../scripts/build-console.ts'
import { look, startBrowser } from './browser.ts'
import { openStage, tenItems, type Stage } from './stage.ts'

let browser: Browser
let stage: Stage
before(async () => {
  await buildConsole()
  stage = await openStage()
  await tenItems(stage)
  browser = await startBrowser()
})
after(async () => {
  await browser?.close()
  await stage?.[Symbol.asyncDispose]()
})

test('every page is drawn where the browser names a language that there is not', { timeout: 60_000 }, async () => {
  const { context, page, problems } = await look(browser, stage)
  // What a Chromium without a window says where LANG is C.
  await context.addInitScript(() => {
    Object.defineProperty(navigator, 'language', { get: () => 'en-US@posix' })
    Object.defineProperty(navigator, 'languages', { get: () => ['en-US@posix'] })
  })
  const pages = {
    '/money': '[aria-label="Add up by"]',
    '/': '[aria-label="Needs you"]',
    '/queue': '[data-item]',
    '/history': '[data-row]',
  }
  for (const [path, ready] of Object.entries(pages)) {
    await page.goto(stage.url + path)
    await page.locator(ready).first().waitFor()
  }
  assert.deepEqual(problems, [])
  await context.close()
})

test('a page that breaks says what and how to report it; everything around it works', { timeout: 60_000 }, async () => {
  const { context, page, problems } = await look(browser, stage, '/queue')
  await page.locator('[data-item]').waitFor()
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  // An answer that the page was not made for.
  await page.route('**/v1/costs*', (route) => route.fulfill({ json: {} }))
  await page.getByRole('link', { name: 'Money' }).first().click()
  const broken = page.getByRole('alert')
  await broken.getByRole('heading', { name: 'This page broke' }).waitFor()
  assert.match(await broken.innerText(), /console\.broken/)
  assert.match(await broken.innerText(), /Nothing was decided/)
  await broken.getByRole('button', { name: 'Copy what to report' }).click()
  const report: string = await page.evaluate(() => navigator.clipboard.readText())
  assert.match(report, /^console\.broken at \/money\n(Type)?Error: .+\n\s+at /)
  assert.ok(problems.length > 0, 'what broke is in the log of the browser too')

  // The keys and the other pages do what they did.
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox', { name: 'Find a command' }).waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('link', { name: 'Queue' }).first().click()
  await page.locator('[data-item]').waitFor()
  await page.getByRole('link', { name: 'Money' }).first().click()
  await broken.waitFor()

  await page.unroute('**/v1/costs*')
  await broken.getByRole('button', { name: 'Try again' }).click()
  await page.getByLabel('Add up by').waitFor()
  await context.close()
})
