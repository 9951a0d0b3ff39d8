import { api, queries } from '../api.ts'
import { router } from '../router.tsx'
import { nameOf } from '../lib/browsers.ts'

/** What this browser can be told, and why not: `install`: an iPhone tells only what stands on its home screen. */
export type Standing = 'unsupported' | 'install' | 'insecure' | 'blocked' | 'off' | 'on'
export type Says = 'title' | 'count'

const SCRIPT = '/sw.js'

export async function standing(): Promise<Standing> {
  if (!isSecureContext) return 'insecure'
  if (!('serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window))
    return isApple() && !isInstalled() ? 'install' : 'unsupported'
  if (Notification.permission === 'denied') return 'blocked'
  return (await subscription()) ? 'on' : 'off'
}

/** An iPad says that it is a Mac, and has fingers. */
function isApple(): boolean {
  return (
    /iPhone|iPad|iPod/.test(navigator.userAgent) || (/Mac/.test(navigator.userAgent) && navigator.maxTouchPoints > 1)
  )
}

function isInstalled(): boolean {
  return matchMedia('(display-mode: standalone)').matches
}

async function subscription(): Promise<PushSubscription | null> {
  const registration = await navigator.serviceWorker.getRegistration('/')
  return (await registration?.pushManager.getSubscription()) ?? null
}

function given(of: PushSubscription) {
  const { endpoint, keys } = of.toJSON()
  return { endpoint: endpoint!, p256dh: keys!.p256dh!, auth: keys!.auth!, origin: location.origin }
}

/** Asks the browser, then has the company tell it. Throws where the operator says no, or no push service can be reached. */
export async function turnOn(says: Says): Promise<void> {
  if ((await Notification.requestPermission()) !== 'granted') throw new Error('The browser does not allow it.')
  const { key } = await api.get('pushKey', {})
  await navigator.serviceWorker.register(SCRIPT, { scope: '/', updateViaCache: 'none' })
  const { pushManager } = await navigator.serviceWorker.ready
  const before = await pushManager.getSubscription()
  // One for another key (the company was restored) takes no messages of this one.
  if (before && keyOf(before) !== key) await before.unsubscribe()
  const now = await pushManager
    .subscribe({ userVisibleOnly: true, applicationServerKey: key })
    .catch((cause: unknown) => {
      throw new Error('The push service of this browser cannot be reached. Try again later.', { cause })
    })
  try {
    await api.post('pushSubscribe', { ...given(now), name: nameOf(navigator.userAgent), says })
  } catch (error) {
    await now.unsubscribe()
    throw error
  }
}

function keyOf({ options }: PushSubscription): string {
  const bytes = new Uint8Array(options.applicationServerKey ?? new ArrayBuffer(0))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

/** `id`: what the company calls this browser; null where it knows none. */
export async function turnOff(id: string | null): Promise<void> {
  if (id !== null) await api.post('pushUnsubscribe', { id })
  await (await subscription())?.unsubscribe()
}

/**
 * What is done with notifications while a page is open: a click on one opens what it is of, those that are there go when the
 * operator comes, and a browser that is told says under whose session it is. One that was removed elsewhere lets go.
 */
export function followNotifications(): void {
  if (!isSecureContext || !('serviceWorker' in navigator)) return
  navigator.serviceWorker.addEventListener('message', ({ data }: MessageEvent<{ open?: unknown } | null>) => {
    const path = data?.open
    if (typeof path === 'string' && path.startsWith('/') && !path.startsWith('//')) router.history.push(path)
  })
  if (!('Notification' in window) || Notification.permission !== 'granted') return
  const clear = async () => {
    if (document.visibilityState !== 'visible') return
    const registration = await navigator.serviceWorker.getRegistration('/')
    for (const one of (await registration?.getNotifications()) ?? []) one.close()
  }
  document.addEventListener('visibilitychange', () => void clear())
  void clear()
  void renew().catch(() => {
    // Nobody is signed in, or no answer came: the next page that is opened says it.
  })
}

async function renew(): Promise<void> {
  const own = await subscription()
  if (!own) return
  const { id } = await api.post('pushRenew', given(own))
  if (id === null) await own.unsubscribe()
  await queries.invalidateQueries({ queryKey: ['pushDevices'] })
}
