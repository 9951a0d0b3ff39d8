import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { buildConsole } from '../../scripts/build-console.ts'
import { startBrowser } from './browser.ts'
import { openStage, type Stage } from './stage.ts'

let browser: Browser
let stage: Stage
before(async () => {
  await buildConsole()
  stage = await openStage()
  browser = await startBrowser()
})
after(async () => {
  await browser?.close()
  await stage?.[Symbol.asyncDispose]()
})

/** A browser with an authenticator that says yes, as a laptop with a fingerprint reader. */
async function withAuthenticator(url: string): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  const page = await context.newPage()
  const devtools = await context.newCDPSession(page)
  await devtools.send('WebAuthn.enable')
  await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  const { key } = await stage.company.ask('accessLink', {})
  await page.goto(`${url}/#key=${key}`)
  await page.getByRole('button', { name: 'Sign in', exact: true }).press('Enter')
  await page.getByRole('button', { name: 'Not now' }).or(page.locator('#main')).first().waitFor()
  const later = page.getByRole('button', { name: 'Not now' })
  if (await later.isVisible()) await later.press('Enter')
  await page.waitForSelector('#main')
  return page
}

const signOut = async (page: Page) => {
  await page.goto(new URL('/settings?lens=access', page.url()).href)
  await page.getByRole('button', { name: 'Sign out here' }).press('Enter')
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
}

test('a passkey is added, signs in alone, and lets nobody in once it is removed', { timeout: 90_000 }, async () => {
  const page = await withAuthenticator(stage.url.replace('127.0.0.1', 'localhost'))
  await page.goto(new URL('/settings?lens=access', page.url()).href)
  await page.getByRole('button', { name: 'Add a passkey' }).press('Enter')
  await page.locator('[data-toast]', { hasText: 'The passkey is added' }).waitFor()
  await page.getByRole('button', { name: /^Remove/ }).waitFor()

  await signOut(page)
  await page.getByRole('button', { name: 'Sign in with a passkey' }).press('Enter')
  await page.waitForSelector('#main')
  const [session] = await stage.company.ask('sessions', {})
  assert.equal(session!.method, 'passkey')

  await page.goto(new URL('/settings?lens=access', page.url()).href)
  await page.getByRole('button', { name: /^Remove/ }).press('Enter')
  await page.locator('[data-toast]', { hasText: 'lets nobody in any more' }).waitFor()
  await page.getByText('None yet. A passkey signs you in').waitFor()
  const state = await page.evaluate(() =>
    fetch('/access/state').then((r) => r.json() as Promise<{ methods: string[] }>),
  )
  assert.ok(!state.methods.includes('passkey'))
  const { items } = await stage.company.ask('ledger', { kind: 'access.credential', limit: 20 })
  assert.equal(items.length, 2, 'that it was added, and that it was removed')
  await page.context().close()
})

test('under a number instead of a name it is said where a passkey can be made', { timeout: 60_000 }, async () => {
  const page = await withAuthenticator(stage.url)
  await page.goto(`${stage.url}/settings?lens=access`)
  const there = page.getByRole('link', { name: stage.url.replace('127.0.0.1', 'localhost') })
  await there.waitFor()
  assert.equal(await page.getByRole('button', { name: 'Add a passkey' }).count(), 0)
  await page.context().close()
})

test('whose session is ended elsewhere is told, and comes back to the same place', { timeout: 60_000 }, async () => {
  const page = await withAuthenticator(stage.url)
  await page.goto(`${stage.url}/history?lens=ledger`)
  await page.locator('[data-row]').first().waitFor()
  for (const { id } of await stage.company.ask('sessions', {})) await stage.company.ask('sessionEnd', { id })
  await page.getByText('Your session ended').waitFor()
  await page.getByRole('button', { name: 'Sign in again' }).press('Enter')
  // Nobody chose how to sign in here: the next link does.
  await page.getByRole('heading', { name: 'First start' }).waitFor()
  assert.equal(page.url(), `${stage.url}/history?lens=ledger`)
  await page.context().close()
})
