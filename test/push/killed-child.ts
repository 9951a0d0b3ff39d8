/** A company of its own process, to be killed: `node killed-child.ts FOLDER open|wait`. */
import { join } from 'node:path'
import { company, workflow, z } from '../../src/index.ts'
import { beginSession } from '../../src/governance/access/sessions.ts'
import { actingFor } from '../../src/lib/caller.ts'
import { openCompany } from '../../src/server/open.ts'
import { operate } from '../../src/server/operations.ts'

const [folder, subscription, url] = process.argv.slice(2)
const ask = workflow('ask', { input: z.object({ title: z.string() }) }, (ctx, { title }) =>
  ctx.ask({ title, timeout: '1h' }),
)
const open = await openCompany({
  folder: folder!,
  company: company({ name: 'Killed', workflows: [ask] }),
  pushToLoopback: true,
  // Not what the tests of PostgreSQL have in their environment.
  url: url ?? join(folder!, 'company.db'),
})
await open.start()
if (subscription !== '-') {
  const { row } = await beginSession(open.store, { method: 'link', token: null, address: '::1', agent: 'test' })
  await actingFor({ actor: 'operator', scopes: 'admin', session: row.id }, () =>
    operate(open, 'pushSubscribe', { ...(JSON.parse(subscription!) as object), name: 'Phone', says: 'title' }),
  )
  for (let n = 0; n < 40; n++) await operate(open, 'start', { workflow: 'ask', input: { title: `Question ${n}` } })
}
process.stdout.write(`${open.push.key}\n`)
setInterval(() => {}, 60_000)
