import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { buildConsole } from '../../scripts/build-console.ts'
import { nameOf } from '../../console/src/lib/browsers.ts'
import { PushService } from '../push/service.fixture.ts'
import { look, startBrowser } from './browser.ts'
import { gateTitled, openStage, tenItems, type Stage } from './stage.ts'

let stage: Stage
let browser: Browser
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

/**
 * This Chromium shows no notifications and has no push service of its own. So both are played: what the worker shows is kept
 * beside it, and the browser is handed messages by the protocol of its developer tools.
 */
async function withWorker(page: Page) {
  const cdp = await page.context().newCDPSession(page)
  const registered = new Promise<string>((resolve) => {
    cdp.on('ServiceWorker.workerVersionUpdated', ({ versions }) => {
      const active = versions.find((version) => version.status === 'activated')
      if (active) resolve(active.registrationId)
    })
  })
  await cdp.send('ServiceWorker.enable')
  const started = page.context().waitForEvent('serviceworker')
  await page.evaluate(() => navigator.serviceWorker.register('/sw.js', { scope: '/', updateViaCache: 'none' }))
  const registrationId = await registered
  const worker = await started
  await worker.evaluate(() => {
    const scope = globalThis as unknown as Played
    scope.registration.showNotification = async (title, options) => void (scope.shown = { title, ...options })
    const { waitUntil } = scope.ExtendableEvent.prototype
    scope.ExtendableEvent.prototype.waitUntil = function (work) {
      scope.work = work
      waitUntil.call(this, work)
    }
  })
  return {
    /** What is shown of a message, if anything is. */
    push: async (data: string): Promise<Shown | undefined> => {
      await worker.evaluate(() => {
        const scope = globalThis as unknown as Played
        scope.shown = undefined
        scope.work = undefined
      })
      await cdp.send('ServiceWorker.deliverPushMessage', { origin: stage.url, registrationId, data })
      return worker.evaluate(async () => {
        const scope = globalThis as unknown as Played
        while (!scope.work) await new Promise((resolve) => setTimeout(resolve, 20))
        await scope.work
        return scope.shown
      })
    },
    /** Until the worker knows of no window: one that is left is told of to it a moment later. */
    alone: () =>
      worker.evaluate(async () => {
        const { clients } = globalThis as unknown as Played
        while ((await clients.matchAll({ type: 'window', includeUncontrolled: true })).length > 0)
          await new Promise((resolve) => setTimeout(resolve, 20))
      }),
    /** What the system does when the operator clicks; it lets a window come to the front, which a test cannot. */
    click: (url: string) =>
      worker.evaluate(async (given) => {
        let done: Promise<unknown> = Promise.resolve()
        let closed = false
        const notification = { data: { url: given }, close: () => void (closed = true) }
        const waitUntil = (work: Promise<unknown>) => void (done = work)
        dispatchEvent(Object.assign(new Event('notificationclick'), { notification, waitUntil }))
        await done.catch(() => {})
        return closed
      }, url),
  }
}

interface Shown {
  readonly title: string
  readonly body?: string
  readonly tag?: string
  readonly icon?: string
  readonly badge?: string
  readonly renotify?: boolean
  readonly data?: { readonly url: string }
}
interface Played {
  shown: Shown | undefined
  /** What the worker is at for the message it was handed last. */
  work: Promise<unknown> | undefined
  readonly ExtendableEvent: { readonly prototype: { waitUntil: (this: unknown, work: Promise<unknown>) => void } }
  readonly clients: { matchAll(of: object): Promise<readonly unknown[]> }
  readonly registration: { showNotification(title: string, options: Omit<Shown, 'title'>): Promise<void> }
}

test(
  'a message is shown, and a click on it opens the item in the window that is there',
  { timeout: 30_000 },
  async () => {
    const { context, page, problems } = await look(browser, stage, '/settings')
    const { push, click, alone } = await withWorker(page)
    const id = await gateTitled(stage.company, 'hans@hof.example')
    const message = { title: 'Waits for your yes', body: '<b>x</b>', tag: 'test', url: `/queue?item=${id}` }
    assert.deepEqual(await push(JSON.stringify(message)), {
      title: message.title,
      body: message.body,
      tag: 'test',
      renotify: true,
      icon: '/icon-192.png',
      badge: '/badge-96.png',
      data: { url: message.url },
    })
    // Nothing is shown over the page that the operator looks at.
    assert.equal(await push(JSON.stringify({ ...message, tag: 'waiting' })), undefined)
    await page.evaluate(() => void ((globalThis as { kept?: boolean }).kept = true))
    assert.equal(await click(message.url), true)
    await page.waitForURL(`**/queue?item=${id}`)
    await page.locator('[data-item]').waitFor()
    // The page is the one that was there, not one loaded anew.
    assert.equal(await page.evaluate(() => (globalThis as { kept?: boolean }).kept), true)
    assert.deepEqual(problems, [])
    await page.goto('about:blank')
    await alone()
    assert.equal((await push(JSON.stringify({ ...message, tag: 'waiting' })))?.title, message.title)
    assert.equal((await push('not JSON'))?.title, 'Something waits for you')
    await context.close()
  },
)

test('a click opens nothing of another origin', { timeout: 30_000 }, async () => {
  const { context, page } = await look(browser, stage, '/settings')
  const { click } = await withWorker(page)
  for (const url of ['https://evil.example/queue', 'javascript:alert(1)', '//evil.example/x']) {
    await click('/money')
    await page.waitForURL(`${stage.url}/money`)
    await click(url)
    await page.waitForURL(`${stage.url}/`)
  }
  await context.close()
})

test('the console can be installed', { timeout: 60_000 }, async () => {
  const { context, page, problems } = await look(browser, stage, '/')
  const cdp = await context.newCDPSession(page)
  const { data, errors } = await cdp.send('Page.getAppManifest')
  assert.deepEqual(errors, [])
  const manifest = JSON.parse(data!) as { icons: { src: string; sizes: string }[]; shortcuts: { url: string }[] }
  for (const { src, sizes } of manifest.icons.filter((icon) => icon.sizes !== 'any')) {
    const size = await page.evaluate(async (from) => {
      const image = new Image()
      image.src = from
      await image.decode()
      return `${image.naturalWidth}x${image.naturalHeight}`
    }, src)
    assert.equal(size, sizes, src)
  }
  assert.deepEqual(
    manifest.shortcuts.map(({ url }) => url),
    ['/queue', '/history'],
  )
  const { installabilityErrors } = await cdp.send('Page.getInstallabilityErrors')
  // A window without a profile of its own, as tests have, is the one thing that is in the way.
  assert.deepEqual(
    installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito'),
    [],
  )
  assert.deepEqual(problems, [])
  await context.close()
})

/** The push service of a browser cannot be reached from a test: another is played, and all else is as it is. */
async function withPushService(page: Page, subscription: { endpoint: string; p256dh: string; auth: string }) {
  await page.addInitScript((given) => {
    let on = false
    const { endpoint, ...keys } = given
    const own = {
      toJSON: () => ({ endpoint, keys }),
      options: { applicationServerKey: null },
      unsubscribe: async () => !(on = false),
    }
    Object.defineProperty(Notification, 'permission', { get: () => (on ? 'granted' : 'default') })
    Notification.requestPermission = async () => 'granted'
    PushManager.prototype.subscribe = async () => ((on = true), own as unknown as PushSubscription)
    PushManager.prototype.getSubscription = async () => (on ? (own as unknown as PushSubscription) : null)
  }, subscription)
}

test('a device is turned on, tested, told less, and turned off', { timeout: 40_000 }, async () => {
  await using service = await new PushService().listen()
  const phone = service.browser()
  const { context, page, problems } = await look(browser, stage, '/settings')
  await withPushService(page, phone.subscription)
  await page.goto(`${stage.url}/settings?lens=access`)
  await page.getByRole('button', { name: 'Turn on here' }).press('Enter', { timeout: 8_000 })
  await page.getByRole('button', { name: 'Send a test' }).press('Enter', { timeout: 8_000 })
  await page.locator('[data-toast="good"]', { hasText: 'Sent' }).waitFor({ timeout: 8_000 })
  const key = stage.company.open.push.key
  const [told] = service.messages(phone, key)
  assert.equal(told!.title, 'Notifications work here')
  await page.getByLabel('A message here says').selectOption('count')
  await page.getByRole('cell', { name: 'only that' }).waitFor({ timeout: 8_000 })
  const devices = await stage.company.ask('pushDevices', {})
  assert.deepEqual(
    devices.map(({ says, error }) => [says, error]),
    [['count', null]],
  )
  // A gate that is opened now is told; nobody's words are in it.
  await stage.company.run(stage.flows.ask, { title: 'Secret question?', about: null, options: ['yes'] })
  await stage.advance('10m')
  await stage.company.open.push.idle()
  const last = service.messages(phone, key).at(-1)!
  assert.match(last.title, /waits? for you/)
  assert.doesNotMatch(JSON.stringify(last), /Secret/)
  await page.getByRole('button', { name: 'Turn off here' }).press('Enter')
  await page.getByText('No device is told yet.').waitFor({ timeout: 8_000 })
  assert.deepEqual(await stage.company.ask('pushDevices', {}), [])
  assert.deepEqual(problems, [])
  await context.close()
})

test('where the browser blocks notifications, the panel says so', { timeout: 30_000 }, async () => {
  const { context, page } = await look(browser, stage, '/settings?lens=access')
  await page.getByText('This browser blocks notifications of this page.').waitFor({ timeout: 8_000 })
  assert.equal(await page.getByRole('button', { name: 'Turn on here' }).isDisabled(), true)
  await context.close()
})

test('a device is called after its browser and its system', () => {
  const names = [
    'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/153.0.0.0 Mobile Safari/537.36',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1',
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/153.0.0.0 Safari/537.36 Edg/153.0.0.0',
    '',
  ].map(nameOf)
  assert.deepEqual(names, [
    'Chrome on Android',
    'Safari on iPhone',
    'Firefox on Mac',
    'Edge on Windows',
    'A browser on a device',
  ])
})
