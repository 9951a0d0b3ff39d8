/** What the benchmark of the console asks of a page. */
import type { CDPSession, Page } from 'playwright-core'

/**
 * Put into each page before its own scripts, as text, for it runs where there is no Node: notes when keys are pressed, what
 * the browser's own Event Timing says of them, and tasks of more than 50 ms.
 */
export const IN_PAGE = `
  globalThis.probe = { pressed: 0, painted: null, events: new Map(), longTasks: 0 }
  addEventListener('keydown', (event) => (probe.pressed = event.timeStamp), true)
  new PerformanceObserver((list) => {
    for (const { name, startTime, duration } of list.getEntries())
      if (name === 'keydown') probe.events.set(Math.round(startTime), duration)
  }).observe({ type: 'event', durationThreshold: 16 })
  new PerformanceObserver((list) => (probe.longTasks += list.getEntries().length)).observe({ type: 'longtask' })
`

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
    probe.painted = new Promise((resolve) => {
      const settle = () => {
        if (!look()) return
        observer.disconnect()
        document.removeEventListener('input', settle)
        const { port1, port2 } = new MessageChannel()
        port1.onmessage = () => resolve(performance.now() - probe.pressed)
        requestAnimationFrame(() => port2.postMessage(0))
      }
      const observer = new MutationObserver(settle)
      observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true })
      document.addEventListener('input', settle)
    })
  })()`)
  await page.keyboard.press(key)
  const ms = (await page.evaluate('probe.painted')) as number
  // Its entry comes with the frame after.
  const eventTiming = (await page.evaluate(`new Promise((resolve) => requestAnimationFrame(() => setTimeout(() =>
    resolve(probe.events.get(Math.round(probe.pressed)) ?? null), 0)))`)) as number | null
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
