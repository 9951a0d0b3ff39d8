/*
 * What runs in the browser while no page is open: it shows what the company says waits, and opens it. It keeps nothing and
 * answers no request: what the console shows is what is, or that it cannot be had. It is installable without that.
 */

const HOME = new URL('/', self.location.href)
/** A message that cannot be read still says the one thing that matters. */
const PLAIN = { title: 'Something waits for you', body: '', tag: 'waiting', url: '/queue' }

self.addEventListener('install', () => void self.skipWaiting())
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))
self.addEventListener('push', (event) => event.waitUntil(tell(read(event.data))))
self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(open(event.notification.data?.url))
})
self.addEventListener('pushsubscriptionchange', (event) =>
  event.waitUntil(renew(event.oldSubscription, event.newSubscription)),
)

function read(data) {
  try {
    const said = data.json()
    return Object.fromEntries(
      Object.entries(PLAIN).map(([name, plain]) => [name, typeof said[name] === 'string' ? said[name] : plain]),
    )
  } catch {
    return PLAIN
  }
}

async function tell({ title, body, tag, url }) {
  if (tag !== 'test' && mayBeSilent() && (await isLookedAt())) return
  await self.registration.showNotification(title, {
    body,
    tag,
    renotify: true,
    icon: '/icon-192.png',
    badge: '/badge-96.png',
    data: { url },
  })
}

/** Chromium and Firefox ask for no notification while the operator looks at the page; Safari takes the right away for it. */
function mayBeSilent() {
  return /Chrom|Firefox/.test(self.navigator.userAgent)
}

async function isLookedAt() {
  return (await windows()).some((client) => client.focused && client.visibilityState === 'visible')
}

function windows() {
  return self.clients.matchAll({ type: 'window', includeUncontrolled: true })
}

/** In the window that is open, without loading it anew (what was typed there stays), or in a new one. */
async function open(given) {
  const url = typeof given === 'string' && URL.canParse(given, HOME) ? new URL(given, HOME) : HOME
  const path = url.origin === HOME.origin ? url.pathname + url.search : HOME.pathname
  const [client] = (await windows()).sort((a, b) => rank(b) - rank(a))
  if (!client) return void (await self.clients.openWindow(path))
  client.postMessage({ open: path })
  await client.focus()
}

function rank(client) {
  return (client.focused ? 2 : 0) + (client.visibilityState === 'visible' ? 1 : 0)
}

/** The browser changed where its messages go: the company is told, in the name of whoever is signed in. */
async function renew(before, after) {
  const key = before?.options.applicationServerKey ?? (await keyOfCompany())
  const now =
    after ?? (await self.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }))
  const { endpoint, keys } = now.toJSON()
  const given = { endpoint, ...keys, origin: HOME.origin, ...(before ? { replaces: before.endpoint } : {}) }
  const headers = { 'content-type': 'application/json' }
  await fetch('/v1/pushRenew', { method: 'POST', headers, body: JSON.stringify(given) })
}

async function keyOfCompany() {
  const response = await fetch('/v1/pushKey')
  return (await response.json()).key
}
