/** What the benchmark of the console asks of a page. Everything in `inPage` runs in the browser. */
import type { CDPSession, Page } from 'playwright-core'

interface Probe {
  /** When the newest key was pressed, in ms of the page's clock. */
  pressed: number
  /** Measured from the press to the frame that shows `done`. */
  painted: Promise<number>
  readonly events: Map<number, number>
  longTasks: number
}
declare global {
  var probe: Probe
}

/**
 * Put into each page before its own scripts: notes when keys are pressed, what the browser's own Event Timing says of them,
 * and tasks of more than 50 ms.
 */
export function inPage(): void {
  const events = new Map<number, number>()
  globalThis.probe = { pressed: 0, painted: Promise.resolve(0), events, longTasks: 0 }
  addEventListener('keydown', (event) => (globalThis.probe.pressed = event.timeStamp), true)
  new PerformanceObserver((list) => {
    for (const { name, startTime, duration } of list.getEntries())
      if (name === 'keydown') events.set(Math.round(startTime), duration)
  }).observe({ type: 'event', durationThreshold: 16 } as PerformanceObserverInit)
  new PerformanceObserver((list) => (globalThis.probe.longTasks += list.getEntries().length)).observe({
    type: 'longtask',
  })
}

export interface Pressed {
  /** From the time stamp of the key event to the frame after the change was there. */
  readonly ms: number
  /** What Event Timing says of the same key, in steps of 8 ms; under 16 it says nothing. */
  readonly eventTiming: number | null
}

/**
 * Presses a key and waits until `done` (an expression in the page; `was` is what `before` gave) holds: looked at whenever
 * something in the document moves, then the frame in which it is painted is waited for.
 */
export async function press(page: Page, key: string, before: string, done: string): Promise<Pressed> {
  await page.evaluate(`(() => {
    const was = ${before}
    const look = () => ${done}
    globalThis.probe.painted = new Promise((resolve) => {
      const settle = () => {
        if (!look()) return
        observer.disconnect()
        document.removeEventListener('input', settle)
        const { port1, port2 } = new MessageChannel()
        port1.onmessage = () => resolve(performance.now() - globalThis.probe.pressed)
        requestAnimationFrame(() => port2.postMessage(0))
      }
      const observer = new MutationObserver(settle)
      observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true })
      document.addEventListener('input', settle)
    })
  })()`)
  await page.keyboard.press(key)
  const ms = (await page.evaluate('globalThis.probe.painted')) as number
  // Its entry comes with the frame after.
  const eventTiming = (await page.evaluate(`new Promise((resolve) => requestAnimationFrame(() => setTimeout(() =>
    resolve(globalThis.probe.events.get(Math.round(globalThis.probe.pressed)) ?? null), 0)))`)) as number | null
  return { ms, eventTiming }
}

export interface Held {
  readonly heapBytes: number
  readonly nodes: number
}

/** What the page holds after everything that nobody needs is gone. */
export async function held(cdp: CDPSession): Promise<Held> {
  await cdp.send('HeapProfiler.collectGarbage')
  await cdp.send('HeapProfiler.collectGarbage')
  const { usedSize } = await cdp.send('Runtime.getHeapUsage')
  const { nodes } = await cdp.send('Memory.getDOMCounters')
  return { heapBytes: usedSize, nodes }
}
