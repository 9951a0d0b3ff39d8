import axe from 'axe-core'
import type { Page } from 'playwright-core'

/** What axe finds against what is shown now. Run as the driver's own script: the page's policy lets no other in. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const { violations: found } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run())
  return found.map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 160)).join(' | ')}`)
}
