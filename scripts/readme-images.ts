/**
 * `node scripts/readme-images.ts [--check]`: the images of README, of the sample company as a first start shows it. It is
 * started for real, in a folder and a home of its own, signed in to with the link that it prints, and looked at once its
 * inbox is worked off. With `--check` they are made somewhere else and thrown away: what would stop them being made fails.
 */
import './deps.ts'
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { buildConsole } from './build-console.ts'
import { smallPng } from './small-png.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const [WIDTH, HEIGHT, MOST_BYTES] = [1440, 900, 150_000]
const check = process.argv.includes('--check')

await buildConsole()
const { startBrowser } = await import('../test/console/browser.ts')
const { client } = await import('../src/client.ts')

mkdirSync(join(ROOT, '.cache'), { recursive: true })
const place = mkdtempSync(join(ROOT, '.cache', 'readme-'))
const folder = join(place, 'studio')
const home = join(place, 'home')
const images = check ? join(place, 'images') : join(ROOT, 'docs/images')
for (const made of [home, images]) mkdirSync(made, { recursive: true })
cpSync(join(ROOT, 'examples/studio'), folder, { recursive: true, filter: (path) => !path.endsWith('/data') })

const { DATABASE_URL: _, ...env } = process.env
const server = spawn(process.execPath, [join(ROOT, 'bin/factotum.js'), 'start', folder, '--port', '0'], {
  env: { ...env, HOME: home, TZ: 'Europe/Berlin' },
  stdio: ['ignore', 'pipe', 'inherit'],
})
const ended = new Promise((resolve) => server.once('exit', resolve))

/** The link that it prints, once its inbox was read. */
async function greeting(): Promise<URL> {
  let link: string | undefined
  for await (const line of createInterface(server.stdout)) {
    link ??= /http\S+#key=\S+/.exec(line)?.[0]
    if (link !== undefined && line.includes('Ctrl-C')) return new URL(link)
  }
  throw new Error('It ended before it was ready.')
}

const problems: string[] = []
try {
  const link = await greeting()
  const { token } = JSON.parse(readFileSync(join(folder, 'data/server.json'), 'utf8')) as { token: string }
  const api = client({ url: link.origin, headers: { authorization: `Bearer ${token}` } })

  // Idle: nothing more is written for two seconds, and the last mail has come to its end.
  for (let [head, since] = [-1, 0]; since < 20; since++) {
    const now = (await api.get('ledger', { limit: 1 })).items[0]?.seq ?? -1
    if (now !== head) [head, since] = [now, 0]
    await pause(100)
  }
  const gates = (await api.get('queue', { limit: 200 })).items
  const gate = (words: string) => {
    const found = gates.find((g) => g.title.includes(words))
    if (!found) throw new Error(`Nothing in the queue says "${words}".`)
    return found
  }
  const run = (await api.get('gate', { id: gate('tomasz@').id })).run
  const supplier = (await api.get('entities', { limit: 200 })).items.find((e) => e.kind === 'supplier')

  const screens = [
    { name: 'today', path: '/', ready: '[aria-label="Needs you"]' },
    { name: 'queue', path: `/queue?item=${gate('tomasz@').id}`, ready: '[data-item]' },
    { name: 'history', path: `/history?id=${run}`, ready: '[data-item]' },
    { name: 'company', path: `/company?id=${supplier?.id}`, ready: '[data-item]' },
    { name: 'conflict-dark', path: `/queue?item=${gate('Which is right').id}`, ready: '[data-item]', dark: true },
  ]

  const browser = await startBrowser()
  const looks = { viewport: { width: WIDTH, height: HEIGHT }, locale: 'en-GB', timezoneId: 'Europe/Berlin' }
  const first = await browser.newContext(looks)
  const page = await first.newPage()
  await page.goto(link.href)
  await page.getByRole('button', { name: 'Sign in', exact: true }).press('Enter')
  await page.getByRole('button', { name: 'Not now' }).press('Enter')
  await page.waitForSelector('#main')
  const storageState = await first.storageState()
  await first.close()

  for (const { name, path, ready, dark = false } of screens) {
    const colorScheme = dark ? 'dark' : 'light'
    const context = await browser.newContext({ ...looks, colorScheme, reducedMotion: 'reduce', storageState })
    const screen = await context.newPage()
    screen.on('pageerror', (error) => problems.push(`${name}: ${error.message}`))
    screen.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') problems.push(`${name}: ${message.text()}`)
    })
    await screen.goto(link.origin + path)
    await screen.waitForSelector(ready)
    await screen.waitForTimeout(400)
    const png = smallPng(await screen.screenshot())
    writeFileSync(join(images, `${name}.png`), png)
    await context.close()
    // Its header says how large it is (PNG, 11.2.2).
    const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)]
    if (width !== WIDTH || height !== HEIGHT)
      problems.push(`${name}: it is ${width} by ${height}, not ${WIDTH} by ${HEIGHT}`)
    if (png.length > MOST_BYTES) problems.push(`${name}: ${png.length} bytes are more than ${MOST_BYTES}`)
    console.log(`${name}.png, ${Math.round(png.length / 1000)} kB`)
  }
  await browser.close()
} finally {
  server.kill('SIGTERM')
  await ended
  rmSync(place, { recursive: true, force: true })
}
for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exitCode = 1
