/** `node scripts/screenshots.ts FOLDER [word]`: every screen of the console, light and dark, at three widths. */
import './deps.ts'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { buildConsole } from './build-console.ts'

const [folder, only = ''] = process.argv.slice(2)
if (folder === undefined) {
  console.error('Say where to: node scripts/screenshots.ts FOLDER')
  process.exit(1)
}
mkdirSync(folder, { recursive: true })
await buildConsole()
const { startBrowser, look } = await import('../test/console/browser.ts')
const { openStage, tenItems } = await import('../test/console/stage.ts')
const { SCREENS } = await import('../test/console/screens.ts')

await using stage = await openStage()
await tenItems(stage)
const browser = await startBrowser()
for (const { name, path, ready } of SCREENS.filter((s) => s.name.includes(only)))
  for (const dark of [false, true])
    for (const width of [1440, 1024, 390]) {
      const height = width === 390 ? 844 : 900
      const { context, page, problems } = await look(browser, stage, await path(stage), { dark, width, height })
      await page.waitForSelector(ready)
      await page.waitForTimeout(250)
      await page.screenshot({ path: join(folder, `${name}-${width}-${dark ? 'dark' : 'light'}.png`) })
      for (const problem of problems) console.error(`${name} ${width}: ${problem}`)
      await context.close()
    }
await browser.close()
