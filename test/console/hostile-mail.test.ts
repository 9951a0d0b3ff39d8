import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { buildConsole } from '../../scripts/build-console.ts'
import { look, startBrowser } from './browser.ts'
import { gateTitled, openStage, type Stage } from './stage.ts'

const SVG =
  '<svg xmlns="http://www.w3.org/2000/svg" onload="window.pwned=1"><script>window.pwned=2</script><image href="https://evil.example/a.png"/></svg>'
const HTML = [
  '<html><body onload="window.pwned=3"><script>window.pwned=4</script>',
  '<img src="https://evil.example/open.gif" onerror="window.pwned=5"><iframe src="https://evil.example"></iframe>',
  '<p>Please <a href="javascript:window.pwned=6">pay</a> to pay\u200bpal.example, our \u202eknab\u202c.</p>',
  '</body></html>',
].join('')
const LINE = 'x'.repeat(1_000_000)

/** A mail as somebody hostile would send it: two bodies, an attachment that runs where it is opened, a name that lies. */
function mail(n: number, type: 'html' | 'plain'): string {
  return [
    'From: "hello@northlight.example" <eve@evil.example>',
    'To: hello@northlight.example',
    `Subject: =?utf-8?B?${Buffer.from(`Invoice \u202efdp.exe <b>${n}</b>`).toString('base64')}?=`,
    `Message-ID: <hostile-${n}@evil.example>`,
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary="b"',
    '',
    '--b',
    `Content-Type: text/${type}; charset=utf-8`,
    'Content-Transfer-Encoding: base64',
    '',
    Buffer.from(type === 'html' ? HTML : `First.\n${LINE}\nLast.`)
      .toString('base64')
      .replace(/.{76}/g, '$&\r\n'),
    '--b',
    'Content-Type: image/svg+xml',
    `Content-Disposition: attachment; filename="=?utf-8?B?${Buffer.from('../<img src=x onerror=1>\u202egvs.pdf').toString('base64')}?="`,
    '',
    SVG,
    '--b--',
    '',
  ].join('\r\n')
}

let browser: Browser
let stage: Stage
before(async () => {
  await buildConsole()
  stage = await openStage()
  for (const [n, type] of (['html', 'plain'] as const).entries()) {
    const path = join(stage.company.folder, `hostile-${n}.eml`)
    await writeFile(path, mail(n, type))
    await stage.company.ask('ingest', { path })
  }
  await stage.company.idle()
  browser = await startBrowser()
})
after(async () => {
  await browser?.close()
  await stage?.[Symbol.asyncDispose]()
})

const inert = async (page: Page) => {
  assert.equal(await page.evaluate(() => (globalThis as { pwned?: number }).pwned), undefined)
  const shown = page.locator('main')
  assert.equal(
    await shown.locator('img, script, iframe, object, embed, [onload], [onerror], [href^="javascript"], b').count(),
    0,
  )
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  assert.equal(wide, 0, `nothing is wider than the page at ${page.url()}`)
}

for (const [n, what] of ['HTML with scripts', 'a line of a million letters'].entries())
  test(
    `a real mail of ${what}, with an SVG that runs, is inert on every screen that shows it`,
    { timeout: 120_000 },
    async () => {
      const [signal] = (await stage.company.list('signals', {})).filter((s) => s.subject?.endsWith(`<b>${n}</b>`))
      const id = signal!.id
      const one = await stage.company.ask('signal', { id })
      const events = await stage.company.ask('ledger', { stream: id, limit: 10 })
      const gate = await gateTitled(stage.company, `<b>${n}</b>`)
      const { page, context, requests, problems } = await look(browser, stage, '/')
      for (const path of [
        `/queue?item=${gate}`,
        `/history?lens=signals&id=${id}`,
        `/history?lens=runs&id=${one.runs[0]!.id}`,
        `/history?lens=ledger&id=${events.items.at(-1)!.seq}`,
        `/company?lens=conversations&id=${one.conversation}`,
        '/company?lens=documents&q=pay&id=recall',
      ]) {
        await page.goto(stage.url + path)
        await page.locator('article').first().waitFor()
        const closed = page.locator('article details:not([open]) > summary')
        for (let n = 0; n < 40 && (await closed.count()) > 0; n++) await closed.first().press('Enter')
        await inert(page)
        const all = page.getByRole('button', { name: /more characters$/ }).first()
        if (await all.isVisible()) {
          await all.press('Enter')
          await inert(page)
        }
      }
      assert.deepEqual(
        requests.filter((r) => !r.includes(stage.url)),
        [],
      )
      assert.deepEqual(problems, [])
      await context.close()
    },
  )

test(
  'from what is proposed one gets to the mail and saves what came with it, byte for byte',
  { timeout: 60_000 },
  async () => {
    const gate = await gateTitled(stage.company, '<b>0</b>')
    const { page, context, problems } = await look(browser, stage, `/queue?item=${gate}`)
    await page.getByRole('link', { name: 'Came in' }).press('Enter')
    await page.waitForURL(/lens=signals&id=sig_/)
    const files = page.locator('[data-files]')
    await files.getByText('gvs.pdf').waitFor()
    assert.match(await files.innerText(), /image\/svg\+xml/)
    const saved = page.waitForEvent('download')
    await files.getByRole('button', { name: /^Save/ }).press('Enter')
    const download = await saved
    assert.equal(await readFile(await download.path(), 'utf8'), SVG)
    assert.doesNotMatch(download.suggestedFilename(), /[/\\\u202e]/)
    const whole = page.waitForEvent('download')
    await page.getByRole('button', { name: /as it came/ }).press('Enter')
    assert.equal(await readFile(await (await whole).path(), 'utf8'), mail(0, 'html'))
    assert.deepEqual(problems, [])
    await context.close()
  },
)

test(
  'a mail under an id that is known is set aside, and by keyboard taken in once its reason was read',
  { timeout: 60_000 },
  async () => {
    const path = join(stage.company.folder, 'again.eml')
    await writeFile(path, mail(0, 'plain'))
    await stage.company.ask('ingest', { path })
    const [aside] = await stage.company.list('signals', { state: 'quarantined' })
    assert.deepEqual([aside!.subject?.endsWith('<b>0</b>'), aside!.party], [true, 'eve@evil.example'])
    const { page, context, problems } = await look(browser, stage, `/history?lens=signals&id=${aside!.id}`)
    const shown = page.locator(`[data-item="${aside!.id}"]`)
    await shown.getByText(/may be forged/).waitFor()
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog')
    await dialog.getByText(/may be forged/).waitFor()
    await dialog.getByText(/begins answer-real-mail/).waitFor()
    await page.keyboard.type('She wrote twice.')
    await page.keyboard.press('Enter')
    await page.locator('[data-toast]', { hasText: 'taken in' }).waitFor()
    await stage.company.idle()
    await shown.getByRole('link', { name: 'answer-real-mail' }).waitFor()
    assert.equal(await shown.getByRole('button', { name: 'Take it in' }).count(), 0)
    const { runs, conversation } = await stage.company.ask('signal', { id: aside!.id })
    assert.equal(runs.length, 1)
    const first = await stage.company.list('signals', { state: 'routed' })
    const talks = await Promise.all(
      first.map(async ({ id }) => (await stage.company.ask('signal', { id })).conversation),
    )
    assert.ok(talks.filter((one) => one === conversation).length >= 2, 'it is in the conversation of the one before')
    await inert(page)
    assert.deepEqual(problems, [])
    await context.close()
  },
)
