/** A company whose runs wait: what `factotum start` serves in the benchmarks of memory and of starting again. */
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { checkRunInput, start } from '../src/orchestration/starting.ts'
import type { Company } from '../src/server/company.ts'
import { openCompany, type OpenCompany } from '../src/server/open.ts'
import { sql } from '../src/store/index.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

const COMPANY = `import { company, workflow, z } from 'factotum'

const sleeper = workflow('sleeper', { input: z.object({ ms: z.number() }) }, async (ctx, { ms }) => {
  await ctx.sleep(ms)
})
const asker = workflow('asker', { input: z.object({ n: z.number() }) }, async (ctx, { n }) => {
  await ctx.ask({ title: 'Shall order ' + n + ' be shipped?', options: ['yes', 'no'] })
})
export default company({ name: 'Waiting', workflows: [sleeper, asker] })
`

/** Writes the company's files; it imports 'factotum' as a user's does. */
export async function writeCompany(folder: string): Promise<void> {
  await mkdir(join(folder, 'node_modules'), { recursive: true })
  await symlink(ROOT, join(folder, 'node_modules/factotum'))
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  await writeFile(join(folder, 'company.ts'), COMPANY)
}

export async function openWaiting(folder: string): Promise<OpenCompany> {
  const loaded = (await import(pathToFileURL(join(folder, 'company.ts')).href)) as { readonly default: Company }
  return openCompany({ folder, company: loaded.default, url: join(folder, 'data/company.db') })
}

export async function startRun(open: OpenCompany, name: string, input: object): Promise<void> {
  const workflow = open.coordinator.workflows.get(name)!
  const started = start(open.store, { workflow, input: checkRunInput(workflow, input), actor: 'operator' })
  await open.store.commit({ key: `start:${started.id}`, events: [started.event] })
}

const waiting = sql(`select count(*) as n from run where state = 'waiting'`)

/** Starts runs as anybody does, lets them be driven until they wait, and answers how many did so a second. */
export async function makeWaiting(open: OpenCompany, count: number): Promise<number> {
  const from = performance.now()
  const AT_ONCE = 5_000
  for (let at = 0; at < count; at += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - at) }, (_, i) =>
      (at + i) % 2 === 0 ? startRun(open, 'sleeper', { ms: 30 * 86_400_000 }) : startRun(open, 'asker', { n: at + i }),
    )
    await Promise.all(batch)
  }
  await open.coordinator.idle()
  const found = Number((await open.store.first<{ n: number }>(waiting()))!.n)
  if (found < count) throw new Error(`Only ${found} of ${count} runs wait.`)
  return (count * 1_000) / (performance.now() - from)
}
