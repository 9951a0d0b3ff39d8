import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { buildConsole } from '../../scripts/build-console.ts'
import { look, startBrowser } from './browser.ts'
import { openStage, tenItems, type Stage } from './stage.ts'

let browser: Browser
before(async () => {
  await buildConsole()
  browser = await startBrowser()
})
after(() => browser.close())

/** What is on the page: by the keyboard alone. */
function hands(page: Page) {
  const press = async (...keys: string[]) => {
    for (const key of keys) await page.keyboard.press(key)
  }
  return {
    press,
    /** Goes down from the first item until what is looked at says so. */
    to: async (words: string | RegExp) => {
      await press('Home')
      for (let n = 0; n < 30; n++) {
        const heading = page.locator('article header h2')
        await heading.waitFor()
        const title = await heading.innerText()
        if (typeof words === 'string' ? title.includes(words) : words.test(title)) return
        await press('j')
        await page.waitForFunction((was) => document.querySelector('article header h2')?.textContent !== was, title, {
          timeout: 5_000,
        })
      }
      throw new Error(`nothing in the queue says ${words}`)
    },
    type: (text: string) => page.keyboard.type(text),
    dialog: (name: string) => page.getByRole('dialog', { name }).waitFor(),
    toast: (words: string) => page.locator('[data-toast]', { hasText: words }).waitFor(),
    left: (n: number) => page.getByRole('button', { name: new RegExp(`^All ${n}$`) }).waitFor(),
  }
}

const decided = async (stage: Stage) =>
  (await stage.company.ask('ledger', { kind: 'gate.decided', limit: 100 })).items.length

test(
  'ten mixed items decided by keyboard alone, one undone from the toast, one later; the console shows its figures',
  { timeout: 240_000 },
  async () => {
    await using stage = await openStage()
    await tenItems(stage)
    const already = await decided(stage)
    const { page, problems } = await look(browser, stage, '/')
    const { press, to, type, dialog, toast, left } = hands(page)
    await page.locator('[aria-label="Needs you"]').waitFor()
    await press('2')
    await left(13)

    // A reply to edit: the words that change are shown before it is approved.
    await to('grace@museum.example')
    await press('e')
    await dialog('Edit, then approve')
    const body = page.locator('textarea[data-field="body"]')
    await body.waitFor()
    assert.equal(
      await body.evaluate((element) => element === document.activeElement),
      true,
      'the text is where one types',
    )
    await press('Control+End')
    await type('\nP.S. I call you at ten.')
    assert.match(await page.locator('[data-changes] ins').innerText(), /P\.S\. I call you at ten/)
    await press('Control+Enter')
    await toast('Edited and approved')
    await left(12)

    // A refund is approved, and taken back later by its compensating action.
    await to('ch_20')
    await press('a')
    await toast('Refund 19.00 EUR of charge ch_20')
    await left(11)

    // A held mail: approved, and stopped from the toast before it leaves.
    await to('hans@hof.example')
    await press('a')
    await toast('Mail to hans@hof.example')
    await press('z')
    await toast('Stopped before it left')
    await left(10)

    // A group of the same shape, at once: an entry in the record for each.
    await to('items of one shape')
    assert.match(await page.locator('[data-group]').innerText(), /Approve all 4/)
    assert.match(await page.locator('[data-group] code').innerText(), /^factotum approve( gate_\w+){4}$/)
    await press('a')
    await toast('Approved: 4 items')
    await left(6)

    // Facts in conflict: what is believed stays.
    await to('Which is right')
    await press('a')
    await dialog('What should happen?')
    await press('1')
    await toast('Kept what is believed')
    await left(5)

    // A dead letter is tried again, an uncertain effect is known to have happened.
    await to('illustrations of October')
    await press('a')
    await toast('Tried again')
    await left(4)
    await to('hosting of November')
    await press('Enter')
    await dialog('What should happen?')
    await press('1')
    await toast('Noted as done')
    await left(3)

    // A question, a parked run.
    await to('Which logo')
    await press('a')
    await dialog('Answer')
    await press('2')
    await toast('Answered')
    await left(2)
    await to('publish-notes is parked')
    await press('r')
    await dialog('Cancel the run')
    await press('3', 'Enter')
    await toast('Cancelled')
    await left(1)

    // A stale approval: what changed since is shown, and now it is rejected in words.
    await to('ch_77')
    const moved = await page.locator('[data-moved]').innerText()
    assert.match(moved, /49\.00 EUR[\s\S]*10\.00 EUR/)
    await press('r')
    await dialog('Reject')
    await type('She was refunded already')
    await press('Enter')
    await toast('Rejected')
    await page.getByText('Nothing waits for you').waitFor()
    assert.equal((await decided(stage)) - already, 13)

    // Time passes and what was approved leaves; the refund is taken back.
    await stage.advance('2m')
    assert.deepEqual(stage.till.done.toSorted(), [
      'refund ch_20 1900',
      'remind 2026-40',
      'remind 2026-41',
      'remind 2026-42',
      'remind 2026-43',
      'transfer illustrations of October',
    ])
    await page.goto(`${stage.url}/history?lens=effects`)
    const { id } = (await stage.company.effects()).find((e) => e.action === 'till.refund' && e.state === 'succeeded')!
    await page.locator(`[data-row="${id}"]`).waitFor()
    await press('Home')
    for (let n = 0; n < 30 && !page.url().includes(id); n++) {
      const was = page.url()
      await press('j')
      await page.waitForURL((url) => url.href !== was)
    }
    await page.getByRole('button', { name: 'Take it back' }).waitFor()
    await press('z')
    await dialog('Take it back')
    await page.getByText('Taken back by an action of its own').waitFor()
    await press('Enter')
    await toast('being taken back')
    await stage.advance('1m')
    assert.equal(stage.till.done.at(-1), 'reverse ch_20')

    // What the console says of the operator's own decisions.
    await press('1')
    const figure = async (name: string) => (await page.locator(`[data-figure="${name}"] dd`).innerText()).trim()
    await page.locator('[data-figure="reversed"]').waitFor()
    assert.deepEqual(
      [
        await figure('decided'),
        await figure('edited'),
        await figure('withdrawn'),
        await figure('reversed'),
        await figure('rejected'),
      ],
      [String(already + 13), '1', '1', '1', '1'],
    )
    assert.match(await figure('median'), /^\d/)
    assert.deepEqual(problems, [])
    await stage.company.check()
  },
)
