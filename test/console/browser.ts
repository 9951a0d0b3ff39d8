import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { mkdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { createBrotliDecompress } from 'node:zlib'
import { chromium as driver, type Browser, type BrowserContext, type Page } from 'playwright-core'
import type { Stage } from './stage.ts'

/**
 * The Chromium that the package ships, as a user has it: the package's own flags would switch off what keeps origins and
 * insecure content apart, and the tests are about just that.
 */
const FLAGS = [
  '--no-sandbox',
  '--headless=shell',
  '--hide-scrollbars=false',
  '--font-render-hinting=none',
  '--disable-dev-shm-usage',
  '--no-zygote',
  '--disable-gpu',
]

export async function startBrowser(): Promise<Browser> {
  const executablePath = process.env.CONSOLE_CHROMIUM ?? (await unpacked())
  try {
    return await driver.launch({ executablePath, args: FLAGS, headless: true })
  } catch (cause) {
    throw new Error(
      `The Chromium of @sparticuz/chromium does not start here (${process.platform} ${process.arch}; it is made for Linux). CONSOLE_CHROMIUM can name another.`,
      { cause },
    )
  }
}

/**
 * Where the package's own unpacking puts it, two processes that begin at once start a half of it: here it is there whole, or
 * not at all.
 */
async function unpacked(): Promise<string> {
  const shipped = new URL('../bin/', import.meta.resolve('@sparticuz/chromium'))
  const { version } = JSON.parse(await readFile(new URL('../package.json', shipped), 'utf8')) as { version: string }
  const cache = fileURLToPath(new URL(`../../.cache/chromium-${version}/`, import.meta.url))
  const path = join(cache, 'chromium')
  if (existsSync(path)) return path
  await mkdir(cache, { recursive: true })
  const part = `${path}.${process.pid}`
  const whole = createWriteStream(part, { mode: 0o700 })
  await pipeline(createReadStream(new URL('chromium.br', shipped)), createBrotliDecompress(), whole)
  await rename(part, path)
  return path
}

export interface Looked {
  readonly context: BrowserContext
  readonly page: Page
  /** What the page said went wrong, and what its policy stopped. */
  readonly problems: string[]
  /** Every request that the page made. */
  readonly requests: string[]
  /** Until all that the page asked for has come and is drawn; the event stream goes on. */
  readonly drawn: () => Promise<void>
}

interface Look {
  readonly dark?: boolean
  readonly width?: number
  readonly height?: number
}

/** Signed in with a link as a start prints it, in the browser; the session is kept for the other pages of this stage. */
const sessions = new WeakMap<object, Promise<State>>()
type State = Awaited<ReturnType<BrowserContext['storageState']>>

function signedIn(browser: Browser, stage: Stage): Promise<State> {
  const kept = sessions.get(stage) ?? signIn(browser, stage)
  sessions.set(stage, kept)
  return kept
}

async function signIn(browser: Browser, stage: Stage): Promise<State> {
  const { key } = await stage.company.ask('accessLink', {})
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(`${stage.url}/#key=${key}`)
  await page.getByRole('button', { name: 'Sign in', exact: true }).press('Enter')
  await page.getByRole('button', { name: 'Not now' }).press('Enter')
  await page.waitForSelector('#main')
  await page.evaluate(`localStorage.setItem('factotum.hints', 'read')`)
  const state = await context.storageState()
  await context.close()
  return state
}

/** A signed-in operator who looks at the stage. */
export async function look(browser: Browser, stage: Stage, path = '/', options: Look = {}): Promise<Looked> {
  const { dark = false, width = 1440, height = 900 } = options
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
    storageState: await signedIn(browser, stage),
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
  })
  const page = await context.newPage()
  const problems: string[] = []
  const requests: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text())
  })
  page.on('pageerror', (error) => problems.push(error.message))
  const open = new Set<unknown>()
  page.on('request', (request) => {
    requests.push(`${request.method()} ${request.url()}`)
    if (!request.url().includes('/v1/events')) open.add(request)
  })
  page.on('requestfinished', (request) => open.delete(request))
  page.on('requestfailed', (request) => open.delete(request))
  const drawn = async () => {
    do {
      await page.evaluate(`new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))`)
      await page.waitForTimeout(50)
    } while (open.size > 0)
  }
  await page.goto(stage.url + path)
  return { context, page, problems, requests, drawn }
}
