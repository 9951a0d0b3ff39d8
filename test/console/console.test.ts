import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { buildConsole } from '../../scripts/build-console.ts'
import { violations } from './axe.ts'
import { look, startBrowser } from './browser.ts'
import { SCREENS } from './screens.ts'
import { gateTitled, letter, openStage, tenItems, type Stage } from './stage.ts'

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

test('every screen passes axe in both themes', { timeout: 300_000 }, async (t) => {
  for (const dark of [false, true]) {
    const { context, page, problems } = await look(browser, stage, '/', { dark })
    for (const screen of SCREENS)
      await t.test(`${screen.name}, ${dark ? 'dark' : 'light'}`, async () => {
        await page.goto(stage.url + (await screen.path(stage)))
        await page.locator(screen.ready).first().waitFor()
        assert.deepEqual(await violations(page), [])
      })
    await context.close()
    assert.deepEqual(problems, [])
  }
})

test('a gate that is decided in two tabs is decided once, and the other tab says so', { timeout: 60_000 }, async () => {
  const id = await gateTitled(stage.company, 'hans@hof.example')
  const first = await look(browser, stage, `/queue?item=${id}`)
  const second = await look(browser, stage, `/queue?item=${id}`)
  const approve = (page: Page) => page.getByRole('button', { name: /^Approve/ })
  await approve(first.page).waitFor()
  await approve(second.page).waitFor()
  // Both are shown it; what the other did is not yet told when the second is pressed.
  await second.page.route('**/v1/**', (route) =>
    route.request().method() === 'GET' ? new Promise(() => {}) : route.continue(),
  )
  await first.page.keyboard.press('a')
  await first.page.locator('[data-toast="good"]', { hasText: 'Approved' }).waitFor()
  await second.page.keyboard.press('a')
  await second.page.locator('[data-toast="bad"]', { hasText: 'decided already' }).waitFor()
  const { items } = await stage.company.ask('ledger', { stream: id, limit: 100 })
  assert.equal(items.filter((e) => e.kind.startsWith('gate.decided')).length, 1)
  await first.context.close()
  await second.context.close()
})

test('in the other tab what was decided leaves by itself', { timeout: 60_000 }, async () => {
  const { page, context } = await look(browser, stage, '/queue')
  const row = page.locator('[data-row]', { hasText: 'Which logo' })
  await row.waitFor()
  const id = await gateTitled(stage.company, 'Which logo')
  await stage.company.ask('decide', { id, outcome: 'answer', value: 'the old one' })
  await stage.company.idle()
  await row.waitFor({ state: 'detached' })
  await context.close()
})

const HOSTILE = {
  id: 'm-hostile',
  from: 'eve@evil.example',
  subject: '<img src=x onerror="window.pwned=1"> invoice\u202efdp.exe',
  text: [
    '<script>window.pwned = 2</script>',
    '<svg onload="window.pwned=3"><image href="https://evil.example/track.png"/></svg>',
    '<a href="javascript:window.pwned=4">click</a>',
    'pay\u200bpal.example',
    'x'.repeat(200_000),
  ].join('\n'),
}

test(
  'what outsiders wrote is shown as text: nothing of it runs, nothing is loaded, what hides is seen',
  { timeout: 90_000 },
  async () => {
    await stage.company.send(letter, HOSTILE, { trust: 'outsider' })
    const id = await gateTitled(stage.company, 'eve@evil.example')
    const { page, context, requests, problems } = await look(browser, stage, `/queue?item=${id}`)
    await page.locator('[data-mail]').waitFor()
    const conversations = await stage.company.ask('conversations', { limit: 10 })
    const all =
      'items' in conversations ? (conversations.items as { id: string; party: string | null }[]) : conversations
    for (const path of [
      `/queue?item=${id}`,
      `/company?lens=conversations&id=${all.find((c) => c.party === HOSTILE.from)!.id}`,
    ]) {
      await page.goto(stage.url + path)
      const shown = page.locator('article')
      await shown.getByText('<img src=x onerror=').first().waitFor()
      assert.ok((await shown.locator('.hidden-character').allInnerTexts()).includes('U+202E'))
      assert.equal(await page.evaluate(() => (globalThis as { pwned?: number }).pwned), undefined)
      assert.equal(await shown.locator('img, script, iframe, object, embed, a[href^="javascript"]').count(), 0)
      const wide = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      )
      assert.equal(wide, 0, 'an enormous line makes nothing wider')
    }
    await page
      .getByRole('button', { name: /^Show [\d,]+ more characters$/ })
      .first()
      .waitFor()
    assert.deepEqual(
      requests.filter((r) => !r.includes(stage.url)),
      [],
    )
    assert.deepEqual(problems, [])
    await context.close()
  },
)

test('the policy of the page runs no script that stands in it', { timeout: 60_000 }, async () => {
  const { page, context, problems } = await look(browser, stage, '/queue')
  await page.locator('[data-row]').first().waitFor()
  await page.evaluate(() => {
    const script = document.createElement('script')
    script.textContent = 'window.pwned = 1'
    document.body.append(script)
    const image = document.createElement('img')
    image.src = 'https://evil.example/track.png'
    document.body.append(image)
  })
  const stopped = () => problems.filter((p) => /Content Security Policy/.test(p)).length
  while (stopped() < 2) await page.waitForTimeout(20)
  assert.equal(await page.evaluate(() => (globalThis as { pwned?: number }).pwned), undefined)
  assert.equal(stopped(), 2)
  await context.close()
})

test(
  'with a server that goes and comes back the page says that it is stale, and then that it is not',
  { timeout: 90_000 },
  async () => {
    await using own = await openStage()
    await own.company.run(own.flows.ask, { title: 'Before', about: null })
    const { page } = await look(browser, own, '/queue')
    await page.locator('[data-row]', { hasText: 'Before' }).waitFor()
    await own.stop()
    await page.locator('[data-banner]', { hasText: 'No connection' }).waitFor({ timeout: 20_000 })
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      assert.deepEqual(await violations(page), [])
    }
    await own.restart()
    await own.company.run(own.flows.ask, { title: 'After', about: null })
    await page.locator('[data-row]', { hasText: 'After' }).waitFor({ timeout: 30_000 })
    await page.locator('[data-banner]').waitFor({ state: 'detached' })
  },
)
