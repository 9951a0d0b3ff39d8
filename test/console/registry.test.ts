import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { buildConsole } from '../../scripts/build-console.ts'
import { main } from '../../src/cli/main.ts'
import { look, startBrowser } from './browser.ts'
import { SCREENS } from './screens.ts'
import { gateTitled, openStage, tenItems, type Stage } from './stage.ts'

let browser: Browser
let stage: Stage
before(async () => {
  await buildConsole()
  stage = await openStage()
  await tenItems(stage)
  const api = new URL('../../src/index.ts', import.meta.url).href
  await writeFile(
    join(stage.company.folder, 'company.ts'),
    `import { company } from '${api}'\nexport default company({ name: 'Stage', workflows: [] })\n`,
  )
  browser = await startBrowser()
})
after(async () => {
  await browser?.close()
  await stage?.[Symbol.asyncDispose]()
})

/** The words of a shell, quotes taken off. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map((m) => m[1] ?? m[2]!)
}

/** What a command line prints with --json, run as the operator would beside the server. */
async function typed(line: string): Promise<{ status: number; value: unknown }> {
  const [factotum, ...words] = wordsOf(line)
  assert.equal(factotum, 'factotum')
  const write = process.stdout.write.bind(process.stdout)
  let out = ''
  process.stdout.write = ((text: string) => ((out += text), true)) as typeof process.stdout.write
  try {
    const status = await main([...words, '--json', '--company', stage.company.folder])
    return { status, value: JSON.parse(out) as unknown }
  } finally {
    process.stdout.write = write
  }
}

async function copied(page: Page): Promise<string> {
  const text = await page.locator('[data-toast]', { hasText: 'factotum ' }).last().locator('p').innerText()
  return text.slice(text.indexOf('factotum '))
}

test(
  'on every screen c copies a command that shows the same, and ~ the events behind it',
  { timeout: 240_000 },
  async (t) => {
    const { page, context, problems } = await look(browser, stage)
    for (const screen of SCREENS)
      await t.test(screen.name, async () => {
        await page.goto(stage.url + (await screen.path(stage)))
        await page.locator(screen.ready).first().waitFor()
        await page.keyboard.press('c')
        const line = await copied(page)
        const { status, value } = await typed(line)
        assert.equal(status, 0, line)
        const record = new URL(page.url()).searchParams.get('item') ?? new URL(page.url()).searchParams.get('id')
        if (record !== null && /^[a-z]+_[0-9a-z]+$/.test(record)) {
          assert.ok(line.includes(record), line)
          assert.ok(JSON.stringify(value).includes(record), `${line} shows what the page shows`)
        }
        await page.keyboard.press('~')
        const log = page.getByRole('dialog')
        await log.locator('ol li, p.font-medium').first().waitFor()
        assert.equal(await log.getByText('could not be shown').count(), 0)
        const events = await log.locator('code').innerText()
        assert.equal((await typed(events)).status, 0, events)
      })
    assert.deepEqual(problems, [])
    await context.close()
  },
)

const find = async (page: Page, words: string) => {
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox').and(page.locator(':focus')).waitFor()
  await page.keyboard.type(words)
}

test(
  'the palette finds commands, items, people and runs, and how what is shown is typed',
  { timeout: 90_000 },
  async () => {
    const gate = await gateTitled(stage.company, 'lucia@patio.example')
    const { page, context } = await look(browser, stage, '/')
    await page.locator('[aria-label="Needs you"]').waitFor()
    const option = (text: string) => page.getByRole('option').filter({ hasText: text })

    // An item by words of its title.
    await find(page, 'lucia@')
    await option('ch_20').first().waitFor()
    await option('ch_20').first().click()
    await page.locator(`[data-item="${gate}"]`).waitFor()

    // What is typed, with the item in its place.
    await find(page, 'precedents')
    await option(`factotum precedents ${gate}`).waitFor()
    await page.keyboard.press('Enter')
    assert.equal(await copied(page), `factotum precedents ${gate}`)

    // Letters are enough; what was found last comes first.
    await find(page, 'vrfy')
    await option('Verify the ledger').first().waitFor()
    await page.keyboard.press('Enter')
    await page.waitForURL(/lens=ledger/)
    await page.keyboard.press('Control+k')
    await page.getByRole('group', { name: 'Recent' }).getByText('Verify the ledger').waitFor()

    // What cannot be given says why, and is not given.
    await page.keyboard.type('reject')
    const reject = option('Reject, with a reason')
    await reject.getByText('Choose an item of the queue that offers it.').waitFor()
    assert.equal(await reject.getAttribute('aria-disabled'), 'true')
    await page.keyboard.press('Escape')

    // A person by an address.
    await find(page, 'ada@bakery')
    await page.getByRole('group', { name: 'Company' }).getByRole('option').first().click()
    await page.waitForURL(/\/company\?id=ent_/)
    // A run by its workflow.
    await find(page, 'dunning')
    await page.getByRole('group', { name: 'Runs' }).getByRole('option').first().click()
    await page.waitForURL(/\/history\?lens=runs&id=run_/)
    await context.close()
  },
)

test('a guest is offered what a guest may do', { timeout: 120_000 }, async () => {
  const { secret } = await stage.company.ask('guestAdd', { name: 'Ms Account' })
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  const page = await context.newPage()
  await page.goto(`${stage.url}/#key=${secret}`)
  await page.getByRole('button', { name: 'Sign in', exact: true }).press('Enter')
  await page.waitForSelector('#main')
  const gate = await gateTitled(stage.company, 'lucia@patio.example')
  await page.goto(`${stage.url}/queue?item=${gate}`)
  await page.locator(`[data-item="${gate}"]`).waitFor()
  assert.equal(await page.getByRole('button', { name: /^(Approve|Reject|Snooze|Pause all)/ }).count(), 0)
  for (const key of ['a', 'r', 's', 'e', 'Shift+p', 'c']) await page.keyboard.press(key)
  assert.equal(await page.getByRole('dialog').count(), 0)
  assert.equal(await page.locator('[data-toast]').count(), 0)
  await page.keyboard.press('?')
  await page.getByRole('dialog').getByText('Next item').waitFor()
  assert.equal(await page.getByRole('dialog').getByText('Approve').count(), 0)
  await page.keyboard.press('Escape')
  await find(page, 'approve')
  await page.getByText('Nothing has these words').waitFor()
  const { state } = await stage.company.ask('gate', { id: gate })
  assert.equal(state, 'open')
  // Wherever one looks: no verb, not even a dead one, and no command that a guest does not have.
  const VERBS =
    /^(Approve|Reject|Close|Try|Choose|Redrive|Stop|Start over|Edit|Retry|Cancel|Take|Say what|Undo|Done|Drop|Pause|Copy|Let in|Add a)/
  for (const { name, path, ready } of SCREENS.filter(
    (s) => !/documents|conversations|signals|settings-access/.test(s.name),
  )) {
    await page.goto(stage.url + (await path(stage)))
    // What people wrote is not open to guests: that is said in the place of it.
    await page.locator(ready).or(page.getByRole('alert')).first().waitFor()
    const offered = await page.locator('main').getByRole('button', { name: VERBS }).allInnerTexts()
    assert.deepEqual(offered, [], name)
    assert.doesNotMatch(await page.locator('main').innerText(), /factotum (approve|undo|run|why|costs|facts) /, name)
  }
  await context.close()
})

test('on a phone every verb of an item is reached by touch', { timeout: 60_000 }, async () => {
  const gate = await gateTitled(stage.company, 'lucia@patio.example')
  const { page, context } = await look(browser, stage, `/queue?item=${gate}`, { width: 390, height: 780 })
  const inView = async (name: RegExp) => {
    const box = await page.getByRole('button', { name }).first().boundingBox()
    assert.ok(box && box.x >= 0 && box.x + box.width <= 390 && box.y + box.height <= 780, String(name))
  }
  for (const name of [/^Approve/, /^Edit/, /^Reject/, /^Snooze/, /^Find any command/]) await inView(name)
  await page.getByRole('button', { name: 'Find any command' }).click()
  for (const words of ['Events behind this page', 'Copy the command that shows the same', 'Undo the last decision']) {
    await page.getByRole('combobox').fill(words)
    await page.getByRole('option').filter({ hasText: words }).first().waitFor()
  }
  const wide = await page.evaluate(() => document.documentElement.scrollWidth)
  assert.equal(wide, 390)
  await context.close()
})

test('every screen is in its address: loaded again it shows the same', { timeout: 240_000 }, async (t) => {
  const { page, context, drawn } = await look(browser, stage)
  const shown = () =>
    page.evaluate(() => {
      const of = (selector: string, what: string) =>
        [...document.querySelectorAll(selector)].map((e) => e.getAttribute(what) ?? (e as HTMLInputElement).value)
      return {
        address: location.href,
        chosen: of('[data-item]', 'data-item'),
        rows: of('[data-row]', 'data-row'),
        filters: [...document.querySelectorAll<HTMLInputElement>('main input, main select')].map((e) => e.value),
        tab: document.querySelector('[role=tab][aria-selected=true]')?.textContent ?? null,
      }
    })
  for (const screen of SCREENS)
    await t.test(screen.name, async () => {
      await page.goto(stage.url + (await screen.path(stage)))
      await page.locator(screen.ready).first().waitFor()
      // Whatever can be narrowed is, by its second choice.
      for (const select of await page.locator('main select:not(form *)').all()) await select.selectOption({ index: 1 })
      await drawn()
      const before = await shown()
      await page.reload()
      await page.locator('main').first().waitFor()
      await drawn()
      assert.deepEqual(await shown(), before)
    })
  await context.close()
})

test('one connector is paused with a word of what that means, and goes on', { timeout: 60_000 }, async () => {
  const { page, context } = await look(browser, stage, '/settings')
  await page.getByRole('button', { name: 'Pause till' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('Nothing leaves through it until you resume').waitFor()
  await dialog.getByLabel('Why').fill('looking into it')
  await dialog.getByRole('button', { name: 'Pause till' }).click()
  await page.locator('[data-paused="connector:till"]', { hasText: 'looking into it' }).waitFor()
  await page.getByRole('button', { name: 'Resume till' }).click()
  await page.locator('[data-paused="connector:till"]').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Pause pay-invoice' }).click()
  await dialog.getByRole('button', { name: 'Pause pay-invoice' }).click()
  await page.locator('[data-paused="workflow:pay-invoice"]').waitFor()
  await stage.company.ask('resume', { scope: 'workflow:pay-invoice' })
  await context.close()
})

test(
  'what is approved again and again can be let pass: the change is shown, and made by a press',
  { timeout: 90_000 },
  async () => {
    const { items } = await stage.company.ask('queue', { find: 'Remind' })
    assert.ok(items.length >= 3)
    for (const { id } of items) await stage.company.ask('decide', { id, outcome: 'approve' })
    const { page, context } = await look(browser, stage, '/settings?lens=policies')
    await page.getByText('4 of 4 approved as they were').waitFor()
    await page.getByRole('button', { name: 'Let such pass' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('Action::"till.remind"').waitFor()
    await dialog.getByRole('button', { name: 'Go on asking' }).click()
    assert.deepEqual((await stage.company.ask('policies', {})).policies, [])
    await page.getByRole('button', { name: 'Let such pass' }).click()
    await dialog.getByRole('button', { name: 'Adopt this policy' }).click()
    await page.locator('[data-toast="good"]', { hasText: 'holds from now on' }).waitFor()
    await page.locator('table', { hasText: 'policies/allowed.cedar' }).waitFor()
    await stage.company.run(stage.flows.remind, { to: 'eli@elm.example', invoice: '2026-50', body: 'Hello' })
    await page.reload()
    await page
      .getByRole('row', { name: /allowed\.cedar/ })
      .getByText('1', { exact: true })
      .waitFor()
    await context.close()
  },
)
