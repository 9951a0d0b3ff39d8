import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { buildConsole } from '../scripts/build-console.ts'
import { startBrowser } from '../test/console/browser.ts'
import type { Ready } from './console-child.ts'
import { held, IN_PAGE, press, type Pressed } from './console-page.ts'
import { benchFolder } from './folder.ts'
import { median, percentile, round, withLimit, type Bench, type Row } from './report.ts'

/** console.md, 13. */
const KEY_BUDGET_MS = 50
const LOAD_BUDGET_MS = 1_000

const HERE = `document.querySelector('[data-row] [aria-current]')?.closest('[data-row]').dataset.row`
const WHOLE = `document.querySelector('article[data-item]')?.dataset.item`
const DIALOG = `document.querySelector('[role=dialog]')`

interface Key {
  readonly name: string
  readonly key: string
  readonly before: string
  readonly done: string
  /** Makes it as it was. */
  readonly back?: (page: Page) => Promise<void>
}

const gone = (page: Page) => page.waitForFunction(`!${DIALOG}`)
const KEYS: readonly Key[] = [
  { name: 'j: the next row is marked', key: 'j', before: HERE, done: `${HERE} !== was` },
  { name: 'k: the row before is marked', key: 'k', before: HERE, done: `${HERE} !== was` },
  { name: 'j: the next item stands there whole', key: 'j', before: WHOLE, done: `(${WHOLE} ?? was) !== was` },
  {
    name: 'x: the row is selected',
    key: 'x',
    before: `document.querySelectorAll('[data-row] [aria-label=selected]').length`,
    done: `document.querySelectorAll('[data-row] [aria-label=selected]').length !== was`,
    back: (page) => page.keyboard.press('x'),
  },
  {
    name: 'a letter of the filter',
    key: '7',
    before: `document.querySelector('input[type=search]').value`,
    done: `document.querySelector('input[type=search]').value !== was`,
    back: async (page) => {
      await page.keyboard.press('Backspace')
      await page.waitForFunction(`document.querySelector('input[type=search]').value === ''`)
    },
  },
  {
    name: 'Ctrl-K: the palette',
    key: 'Control+k',
    before: 'null',
    done: `document.querySelector('[role=combobox]')`,
    back: async (page) => {
      await page.keyboard.press('Escape')
      await gone(page)
    },
  },
  {
    name: 'e: the form',
    key: 'e',
    before: 'null',
    done: DIALOG,
    back: async (page) => {
      await page.keyboard.press('Escape')
      await gone(page)
    },
  },
]

class Server implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly ready: Ready

  private constructor(child: ChildProcess, ready: Ready) {
    this.#child = child
    this.ready = ready
  }

  static async open(folder: string, items: number): Promise<Server> {
    const child = fork(join(import.meta.dirname, 'console-child.ts'), [folder, String(items)], {
      execArgv: ['--conditions=factotum-source'],
    })
    const [ready] = (await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => Promise.reject(new Error('The server of the bench did not start.'))),
    ])) as [Ready]
    return new Server(child, ready)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exited
  }
}

/** Nobody reads an item in less. */
const LOOKS_MS = 250

const LOOK = { viewport: { width: 1440, height: 900 }, locale: 'en-GB', reducedMotion: 'reduce' } as const

async function opened(browser: Browser, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ ...LOOK, ...options })
  await context.addInitScript(IN_PAGE)
  return context.newPage()
}

async function signIn(browser: Browser, { url, key }: Ready) {
  const page = await opened(browser)
  await page.goto(`${url}/#key=${key}`)
  await page.getByRole('button', { name: 'Sign in', exact: true }).press('Enter')
  await page.getByRole('button', { name: 'Not now' }).press('Enter')
  await page.waitForSelector('#main')
  const state = await page.context().storageState()
  await page.context().close()
  return state
}

interface Loaded {
  readonly bytes: number
  readonly requests: number
  readonly firstMs: number
  readonly drawnMs: number
}

/** A page that was never here, to the frame in which `ready` is there. */
async function load(page: Page, url: string, ready: string): Promise<Loaded> {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Network.enable')
  const requests = new Set<string>()
  let bytes = 0
  cdp.on('Network.requestWillBeSent', ({ requestId }) => requests.add(requestId))
  cdp.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength))
  await page.addInitScript(`addEventListener('DOMContentLoaded', () => {
    globalThis.drawn = new Promise((resolve) => {
      const settle = () => {
        if (!document.querySelector(${JSON.stringify(ready)})) return
        observer.disconnect()
        const { port1, port2 } = new MessageChannel()
        port1.onmessage = () => resolve(performance.now())
        requestAnimationFrame(() => port2.postMessage(0))
      }
      const observer = new MutationObserver(settle)
      observer.observe(document, { subtree: true, childList: true })
      settle()
    })
  })`)
  await page.goto(url)
  const drawnMs = (await page.evaluate('globalThis.drawn')) as number
  const firstMs = (await page.evaluate(
    `performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN`,
  )) as number
  await page.waitForTimeout(300)
  await page.context().close()
  return { bytes, requests: requests.size, firstMs, drawnMs }
}

const sorted = (values: readonly number[]) => Float64Array.from(values).sort()

function keyRow(name: string, pressed: readonly Pressed[], floorMs: number): Row {
  const ms = sorted(pressed.map((p) => p.ms))
  const told = sorted(pressed.flatMap((p) => (p.eventTiming === null ? [] : [p.eventTiming])))
  return {
    ...withLimit(name, 'ms', percentile(ms, 0.5), floorMs),
    p95_ms: round(percentile(ms, 0.95)),
    budget_ms: KEY_BUDGET_MS,
    event_timing_ms: told.length * 2 < pressed.length ? '< 16' : round(percentile(told, 0.5)),
  }
}

/** A page with nothing but what changes when a key is pressed: what this browser needs at least. */
async function floor(browser: Browser, times: number): Promise<number> {
  const page = await opened(browser)
  await page.goto('data:text/html,<p>0</p>')
  await page.evaluate(`addEventListener('keydown', () => document.querySelector('p').firstChild.data++)`)
  const value = `document.querySelector('p').textContent`
  const all: number[] = []
  for (let n = 0; n < times; n++) all.push((await press(page, 'j', value, `${value} !== was`)).ms)
  await page.context().close()
  return median(all)
}

async function firstLoads(browser: Browser, url: string, storageState: State, times: number): Promise<Row[]> {
  const bare = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<p id=main>here</p>'))
  bare.listen(0, '127.0.0.1')
  await once(bare, 'listening')
  const least: Loaded[] = []
  const own: Loaded[] = []
  for (let n = 0; n < times; n++) {
    const at = `http://127.0.0.1:${(bare.address() as AddressInfo).port}/`
    least.push(await load(await opened(browser), at, '#main'))
    own.push(await load(await opened(browser, { storageState }), `${url}/queue`, '[data-row]'))
  }
  bare.closeAllConnections()
  bare.close()
  // A browser may have painted before it begins to tell.
  const of = (all: readonly Loaded[], what: (one: Loaded) => number) => median(all.map(what).filter(Number.isFinite))
  const p95 = (what: (one: Loaded) => number) => round(percentile(sorted(own.map(what)), 0.95))
  const first = (one: Loaded) => one.firstMs
  const drawn = (one: Loaded) => one.drawnMs
  return [
    { ...withLimit('first load: something is painted', 'ms', of(own, first), of(least, first)), p95_ms: p95(first) },
    {
      ...withLimit('first load: the queue is drawn', 'ms', of(own, drawn), of(least, drawn)),
      p95_ms: p95(drawn),
      budget_ms: LOAD_BUDGET_MS,
    },
    { case: 'first load: over the wire', value: round(of(own, (l) => l.bytes) / 1024), unit: 'KiB' },
    { case: 'first load: requests', value: of(own, (l) => l.requests), unit: 'requests' },
  ]
}

type State = Awaited<ReturnType<typeof signIn>>

export const bench: Bench = {
  name: 'console',
  says: 'The console in a real browser, the server in another process; a key is timed from its event to the frame after the page changed. The limit is a page with nothing on it.',
  async run({ quick, note }) {
    const items = quick ? 300 : 1_200
    const decisions = quick ? 100 : 1_000
    const times = quick ? 20 : 100
    note(`a company with ${items} items to decide`)
    await buildConsole()
    await using folder = await benchFolder()
    await using server = await Server.open(folder.path, items)
    const { url } = server.ready
    const browser = await startBrowser()
    try {
      const storageState = await signIn(browser, server.ready)
      note('first load')
      const rows = await firstLoads(browser, url, storageState, quick ? 3 : 9)
      const floorMs = await floor(browser, times)
      const page = await opened(browser, { storageState })
      const cdp = await page.context().newCDPSession(page)
      const asked: string[] = []
      page.on('request', (r) => asked.push(`${r.method()} ${r.url().slice(url.length).replace(/\?.*/, '')}`))
      await page.goto(`${url}/queue`)
      await page.waitForSelector('article[data-item]')
      await page.keyboard.press('j')
      await page.waitForTimeout(500)
      const keys: Row[] = []
      for (const { name, key, before, done, back } of KEYS) {
        note(name)
        if (name.startsWith('a letter')) await page.keyboard.press('/')
        const pressed: Pressed[] = []
        for (let n = 0; n < times; n++) {
          pressed.push(await press(page, key, before, done))
          await back?.(page)
          await page.waitForTimeout(20)
        }
        if (name.startsWith('a letter')) await page.keyboard.press('Escape')
        await page.waitForTimeout(300)
        keys.push(keyRow(name, pressed, floorMs))
      }
      const decide = () => press(page, 'a', WHOLE, `(${WHOLE} ?? was) !== was`)
      note('decisions, each after a look')
      const looked: Pressed[] = []
      for (let n = 0; n < times; n++) {
        await page.waitForTimeout(LOOKS_MS)
        looked.push(await decide())
      }
      keys.push(keyRow(`a, ${LOOKS_MS} ms after the last: the next item stands there whole`, looked, floorMs))
      note(`${decisions} decisions`)
      const before = await held(cdp)
      asked.length = 0
      await page.evaluate('probe.longTasks = 0')
      const pressed: Pressed[] = []
      for (let n = 0; n < decisions; n++) {
        pressed.push(await decide())
        if (n % 100 === 99) note(`${n + 1}`)
      }
      keys.push(keyRow('a, as fast as it goes: the next item stands there whole', pressed, floorMs))
      await page.waitForTimeout(1_000)
      const longTasks = (await page.evaluate('probe.longTasks')) as number
      const after = await held(cdp)
      const mib = (bytes: number) => round(bytes / 1024 / 1024)
      rows.unshift(...keys)
      rows.push(
        { case: 'requests of a decision', value: round(asked.length / decisions), unit: 'requests' },
        { case: 'tasks over 50 ms of a decision', value: round(longTasks / decisions), unit: 'tasks' },
        withLimit(`JS heap after ${decisions} decisions`, 'MiB', mib(after.heapBytes), mib(before.heapBytes)),
        withLimit(`DOM nodes after ${decisions} decisions`, 'nodes', after.nodes, before.nodes),
      )
      if (process.env.BENCH_REQUESTS) {
        const counts = new Map<string, number>()
        for (const one of asked) counts.set(one, (counts.get(one) ?? 0) + 1)
        for (const [one, n] of counts) note(`${one}: ${n}`)
      }
      return rows
    } finally {
      await browser.close()
    }
  },
}
