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

const dialog = (page: Page) => page.getByRole('dialog')
const item = async (words: string) => `/queue?item=${await gateTitled(stage.company, words)}`
const focused = (page: Page) =>
  page.evaluate(() => {
    const at = document.activeElement
    return at === null || at === document.body ? 'body' : `${at.tagName} ${at.textContent.slice(0, 40)}`
  })

/** A letter under an id that is known. */
async function setAside(): Promise<string> {
  const { company } = stage
  for (const text of ['Are you there?', 'Are you there at all?'])
    await company.send(letter, { id: text, from: 'ivo@inn.example', subject: 'Hello', text }, { id: 'twice' })
  return (await company.list('signals', { state: 'quarantined' }))[0]!.id
}

/** Every dialog: where it is opened, and the key or control that opens it. */
const DIALOGS: readonly {
  readonly name: string
  readonly path: () => Promise<string>
  readonly open: string | ((page: Page) => Promise<void>)
}[] = [
  { name: 'edit', path: () => item('grace@museum.example'), open: 'e' },
  { name: 'reject with a reason', path: () => item('grace@museum.example'), open: 'r' },
  { name: 'snooze', path: () => item('grace@museum.example'), open: 's' },
  { name: 'answer', path: () => item('Which logo'), open: 'a' },
  { name: 'choose', path: () => item('hosting'), open: 'Enter' },
  { name: 'palette', path: async () => '/', open: 'Control+k' },
  { name: 'keys', path: async () => '/', open: '?' },
  { name: 'events behind the page', path: () => item('ch_77'), open: '~' },
  {
    name: 'what stopping a run does',
    path: async () => `/history?lens=runs&id=${(await stage.company.list('runs', { state: 'waiting' }))[0]!.id}`,
    open: (page) => page.getByRole('button', { name: 'Stop now' }).press('Enter'),
  },
  {
    name: 'what taking back a run does',
    path: async () => `/history?lens=runs&id=${(await stage.company.list('runs', { state: 'waiting' }))[0]!.id}`,
    open: 'z',
  },
  {
    name: 'take in what was set aside',
    path: async () => `/history?lens=signals&id=${await setAside()}`,
    open: (page) => page.getByRole('button', { name: 'Take it in' }).press('Enter'),
  },
  { name: 'pause', path: async () => '/', open: 'Shift+p' },
]

test(
  'every dialog passes axe in both themes, closes with Escape, and leaves the page usable',
  { timeout: 240_000 },
  async (t) => {
    for (const dark of [false, true]) {
      const { context, page, problems } = await look(browser, stage, '/', { dark })
      for (const { name, path, open } of DIALOGS)
        await t.test(`${name}, ${dark ? 'dark' : 'light'}`, async () => {
          await page.goto(stage.url + (await path()))
          await page.locator('article, [aria-label="Needs you"]').first().waitFor()
          if (typeof open === 'string') await page.keyboard.press(open)
          else await open(page)
          await dialog(page).waitFor()
          await page.locator('[role=dialog] [role=status][aria-label=Loading]').first().waitFor({ state: 'detached' })
          assert.deepEqual(await violations(page), [])
          const within = await page.evaluate(() => document.activeElement?.closest('[role=dialog]') !== null)
          assert.ok(within, `the focus is in the dialog, not at ${await focused(page)}`)
          await page.keyboard.press('Escape')
          await dialog(page).waitFor({ state: 'detached' })
          // The keys are the page's again.
          await page.keyboard.press('Control+k')
          await page.getByRole('combobox').waitFor()
          await page.keyboard.press('Escape')
          await dialog(page).waitFor({ state: 'detached' })
        })
      assert.deepEqual(problems, [])
      await context.close()
    }
  },
)

test('toasts pass axe in both themes', { timeout: 90_000 }, async () => {
  for (const dark of [false, true]) {
    const { page, context } = await look(browser, stage, '/queue', { dark })
    await page.locator('article header h2').waitFor()
    await page.keyboard.press('z')
    await page.locator('[data-toast]').waitFor()
    assert.deepEqual(await violations(page), [])
    await context.close()
  }
})

test('the page that asks who one is passes axe in both themes', { timeout: 60_000 }, async () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    const context = await browser.newContext({ colorScheme })
    const page = await context.newPage()
    await page.goto(stage.url)
    await page.getByRole('heading').first().waitFor()
    assert.deepEqual(await violations(page), [])
    await context.close()
  }
})

test('the focus goes back to the control that opened a dialog', { timeout: 60_000 }, async () => {
  const { page, context } = await look(browser, stage, await item('grace@museum.example'))
  for (const name of [/^Edit/, /^Reject/, /^Snooze/]) {
    const button = page.getByRole('button', { name })
    await button.press('Enter')
    await dialog(page).waitFor()
    await page.keyboard.press('Escape')
    await dialog(page).waitFor({ state: 'detached' })
    assert.ok(
      await button.evaluate((b) => b === document.activeElement),
      `${name}: the focus is at ${await focused(page)}`,
    )
  }
  await context.close()
})

test('what is being written stays when it is decided elsewhere, and is not sent', { timeout: 60_000 }, async () => {
  await using own = await openStage()
  await tenItems(own)
  const id = await gateTitled(own.company, 'hans@hof.example')
  const { page, context } = await look(browser, own, `/queue?item=${id}`)
  await page.locator('[data-mail]').waitFor()
  await page.keyboard.press('e')
  const body = page.locator('[data-field="body"]')
  await body.fill('Dear Hans, on Monday we are closed.')
  // From the command line, meanwhile.
  await own.company.ask('decide', { id, outcome: 'reject', reason: 'he called' })
  await page.locator('[data-gone]', { hasText: 'decided elsewhere meanwhile: reject' }).waitFor()
  assert.equal(await body.inputValue(), 'Dear Hans, on Monday we are closed.')
  assert.ok(await page.getByRole('button', { name: /^Approve as edited/ }).isDisabled())
  await body.press('Control+Enter')
  assert.equal((await own.company.ask('gate', { id })).outcome, 'reject')
  assert.deepEqual(await violations(page), [])
  await page.keyboard.press('Escape')
  await dialog(page).waitFor({ state: 'detached' })
  // And the next item is there.
  await page.waitForFunction((gone) => !location.search.includes(gone), id)
  await page.locator('article header h2').waitFor()
  await context.close()
})

test('what was snoozed is found under its chip, and brought back', { timeout: 60_000 }, async () => {
  await using own = await openStage()
  await tenItems(own)
  const id = await gateTitled(own.company, 'lucia@patio.example')
  await own.company.ask('snooze', { id, until: own.clock.now() + 86_400_000 })
  const { page, context, problems } = await look(browser, own, '/')
  await page.getByRole('link', { name: '1 item snoozed' }).press('Enter')
  await page.locator(`[data-row="${id}"]`, { hasText: 'back' }).waitFor()
  await page.locator(`[data-item="${id}"]`).waitFor()
  await page.keyboard.press('s')
  await page.locator('[data-toast]', { hasText: 'Back in the queue' }).waitFor()
  await page.getByText('Nothing matches').waitFor()
  assert.equal((await own.company.ask('queue', {})).snoozed, 0)
  assert.deepEqual(problems, [])
  await context.close()
})

test(
  'a failed run is done again from a step with an edited input, after it was shown what recurs',
  { timeout: 60_000 },
  async () => {
    await using own = await openStage()
    const run = await own.company.run(own.flows.bill, { to: 'a@b.example', invoice: '2026-4O', body: 'It was due.' })
    await own.company.decide('approve', { gate: await gateTitled(own.company, '2026-4O') })
    await own.company.advance('1m')
    assert.equal((await own.company.row(run)).state, 'failed')
    const { page, context, problems } = await look(browser, own, `/history?lens=runs&id=${run}`)
    await page.locator('summary', { hasText: 'till.remind' }).first().press('Enter')
    await page
      .getByRole('button', { name: /^Rerun from here/ })
      .first()
      .press('Enter')
    await page.locator('[data-field="invoice"]').fill('2026-40')
    await page.keyboard.press('Control+Enter')
    await page.locator('[data-plan="retry"] [data-becomes="recurs"]', { hasText: 'invoice 2026-4O' }).waitFor()
    assert.deepEqual(await violations(page), [])
    assert.deepEqual(own.till.done, ['remind 2026-4O'], 'looking does nothing')
    await page.keyboard.press('Enter')
    await page.locator('[data-toast]', { hasText: 'It goes on from there' }).waitFor()
    await own.company.decide('approve', { gate: await gateTitled(own.company, 'invoice 2026-40') })
    await own.company.advance('1m')
    assert.equal((await own.company.row(run)).state, 'done')
    assert.deepEqual(own.till.done, ['remind 2026-4O', 'remind 2026-40'])
    assert.deepEqual(problems, [])
    await context.close()
  },
)

test('a token is told once, lets a program in, and no more once it is revoked', { timeout: 60_000 }, async () => {
  const { page, context, problems } = await look(browser, stage, '/settings?lens=access')
  await page.getByLabel('For whom').fill('The accounting script')
  await page.getByLabel('What it may').selectOption('read')
  await page.getByRole('button', { name: 'Let in' }).press('Enter')
  const told = page.locator('[role=status] code')
  await told.waitFor()
  const secret = await told.innerText()
  assert.deepEqual(await violations(page), [])
  const asks = () => fetch(`${stage.url}/v1/status`, { headers: { authorization: `Bearer ${secret}` } })
  assert.equal((await asks()).status, 200)
  await page.reload()
  const row = page.getByRole('row', { name: /The accounting script/ })
  await row.waitFor()
  assert.doesNotMatch(await page.locator('body').innerText(), new RegExp(secret))
  await row.getByRole('button', { name: 'Revoke' }).press('Enter')
  await row.getByText('revoked').waitFor()
  assert.equal((await asks()).status, 401)
  assert.deepEqual(problems, [])
  await context.close()
})

test(
  'every screen of a company in which nothing happened yet says so, and what would',
  { timeout: 120_000 },
  async (t) => {
    await using own = await openStage()
    for (const { id } of await own.company.queue())
      await own.company.ask('decide', { id, outcome: 'stop' }).catch(() => {})
    const { page, context, problems } = await look(browser, own, '/')
    const paths = new Set(
      await Promise.all(
        SCREENS.map(async (s) => (await s.path(own).catch(() => '/')).replace(/[?&](id|item|q)=[^&]*/g, '')),
      ),
    )
    for (const path of paths)
      await t.test(path, async () => {
        await page.goto(own.url + path)
        await page.locator('main').waitFor()
        await page.locator('[role=status][aria-label=Loading]').first().waitFor({ state: 'detached' })
        assert.doesNotMatch(await page.locator('main').innerText(), /undefined|NaN|null|could not be shown/)
        assert.deepEqual(await violations(page), [])
      })
    assert.deepEqual(problems, [])
    await context.close()
  },
)

test(
  'a decision shows its grounds and what was thought; corrected, its tier is judged by it',
  { timeout: 60_000 },
  async () => {
    await using own = await openStage()
    const note = { from: 'ada@bakery.example', subject: 'Cups', text: 'Forty cups, as always.' }
    await own.company.run(own.flows.sort, note)
    const { page, context, problems } = await look(browser, own, '/company?lens=decisions')
    await page.locator('[data-row]', { hasText: 'sorting: order' }).waitFor()
    await page.keyboard.press('j')
    await page.locator('article', { hasText: 'it asks nothing' }).waitFor()
    await page.locator('[data-letter]', { hasText: 'Forty cups' }).waitFor()
    await page.getByRole('button', { name: 'Correct it' }).press('Enter')
    await dialog(page).locator('input').first().fill('question')
    await dialog(page).getByLabel('Why, in your words').fill('she asks whether we have them')
    assert.deepEqual(await violations(page), [])
    await page.keyboard.press('Control+Enter')
    await page.locator('[data-toast]', { hasText: 'sorting is judged by it' }).waitFor()
    await page.locator('article', { hasText: 'Corrected by you to: question' }).waitFor()
    assert.equal(await page.getByRole('button', { name: 'Correct it' }).count(), 0)
    await page.getByRole('button', { name: 'Note a complaint' }).press('Enter')
    await dialog(page).getByLabel('Why, in your words').fill('she waited two days')
    await page.keyboard.press('Control+Enter')
    await page.locator('article', { hasText: 'she waited two days' }).waitFor()
    await page.goto(`${own.url}/money?lens=agents`)
    await page.locator('section', { hasText: 'sorting' }).locator('tr', { hasText: 'byWords' }).waitFor()
    assert.match(await page.locator('tr', { hasText: 'byWords' }).innerText(), /0 of the last 1 kept by you/)
    assert.deepEqual(problems, [])
    await context.close()
  },
)

test(
  'what passed without asking is looked over by keyboard, and found wrong it can be taken back',
  { timeout: 90_000 },
  async () => {
    const passes = '@id("reminders") permit (principal, action == Action::"till.remind", resource);'
    await using own = await openStage(undefined, passes)
    for (let n = 0; (await own.company.list('audits', {})).length < 2; n++) {
      assert.ok(n < 200, 'one in ten is a hash of the id: so many cannot all be others')
      await own.company.run(own.flows.remind, { to: 'a@b.example', invoice: `2026-${n}`, body: 'It is due.' })
      await own.company.advance('1m')
    }
    const { page, context, problems } = await look(browser, own, '/')
    await page.getByRole('link', { name: '2 effects that passed to look over' }).press('Enter')
    await page.locator('[data-row]').first().waitFor()
    await page.keyboard.press('j')
    await page.locator('[data-audit]', { hasText: 'reminders let it pass' }).waitFor()
    assert.deepEqual(await violations(page), [])
    await page.keyboard.press('a')
    await page.locator('[data-toast]', { hasText: 'It was right' }).waitFor()
    await page.locator('[data-end]', { hasText: 'One row' }).waitFor()
    await page.keyboard.press('j')
    await page.locator('[data-audit]').waitFor()
    await page.keyboard.press('r')
    await dialog(page).getByLabel('Why, in your words').fill('she had paid')
    await page.keyboard.press('Enter')
    await page.locator('[data-toast]', { hasText: 'It was wrong' }).waitFor()
    // What takes it back is offered at once.
    await dialog(page).getByText('Taken back by an action of its own').waitFor()
    await page.keyboard.press('Enter')
    await page.locator('[data-toast]', { hasText: 'being taken back' }).waitFor()
    await own.company.idle()
    assert.ok(
      own.till.done.some((done) => done.startsWith('recall')),
      own.till.done.join(),
    )
    await page.goto(own.url)
    await page.locator('[data-figure="errors"]', { hasText: '1 of 2 looked over' }).waitFor()
    await page.goto(`${own.url}/settings?lens=policies`)
    await page.getByText('1 of 2 looked over were wrong').waitFor()
    assert.deepEqual(problems, [])
    await context.close()
  },
)
