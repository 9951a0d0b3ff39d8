import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { buildConsole } from '../../scripts/build-console.ts'
import { startBrowser } from './browser.ts'
import type { Up } from './killed-server.ts'

let browser: Browser
let folder: string
let child: ChildProcess | undefined
before(async () => {
  await buildConsole()
  folder = await mkdtemp(join(tmpdir(), 'factotum-killed-'))
  browser = await startBrowser()
})
after(async () => {
  await browser?.close()
  child?.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

async function serveIn(port: number, ...more: string[]): Promise<Up> {
  child = fork(new URL('killed-server.ts', import.meta.url), [folder, String(port), ...more], {
    execArgv: ['--conditions=factotum-source'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  return ((await once(child, 'message')) as [Up])[0]
}

test(
  'the server is killed after it decided and before it said so: the page tells it, and it is decided once',
  { timeout: 120_000 },
  async () => {
    const { port, key } = await serveIn(0, 'dies')
    const url = `http://127.0.0.1:${port}`
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
    const page = await context.newPage()
    await page.goto(`${url}/#key=${key}`)
    await page.getByRole('button', { name: 'Sign in', exact: true }).press('Enter')
    await page.getByRole('button', { name: 'Not now' }).press('Enter')
    await page.waitForSelector('#main')
    await page.keyboard.press('2')
    await page.getByRole('heading', { name: 'Pay 10.00 EUR to Ada' }).waitFor()
    const killed = once(child!, 'exit')
    await page.keyboard.press('a')
    assert.deepEqual(await killed, [null, 'SIGKILL'])
    await page.locator('[data-banner]').waitFor()

    const again = await serveIn(port)
    assert.equal(again.port, port)
    await page.locator('[data-banner]').waitFor({ state: 'detached', timeout: 40_000 })
    // The answer never came, and what it would have said is looked up: it is decided, and the list says so.
    await page.getByRole('button', { name: 'All 2' }).waitFor()
    assert.equal(await page.locator('[data-row]', { hasText: 'to Ada' }).count(), 0)
    const decided = await page.evaluate(() =>
      fetch('/v1/ledger?kind=gate.decided&limit=50').then((r) => r.json() as Promise<{ items: unknown[] }>),
    )
    assert.equal(decided.items.length, 1)
    // It goes on as if nothing had been.
    await page.getByRole('heading', { name: 'Pay 10.01 EUR to Ben' }).waitFor()
    await page.keyboard.press('a')
    await page.getByRole('button', { name: 'All 1' }).waitFor()
    await context.close()
  },
)
