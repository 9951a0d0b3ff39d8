import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { signal, workflow, z } from '../src/index.ts'
import { openStore, sql, type Store } from '../src/store/index.ts'
import { FakeClock, testCompany, type TestCompany } from '../src/testing.ts'
import { onEachStore } from './each-store.ts'

const order = signal('shop.order', z.object({ n: z.int() }))
const deliver = workflow('deliver', { on: order }, async (ctx, { n }) => {
  await ctx.step('pack', () => Promise.resolve(n))
  if (n % 2 === 0) await ctx.ask({ title: `Send ${n}?`, options: ['yes'] })
})

const setVersion = sql('update meta set value = ? where name = ?')
const version = sql('select value from meta where name = ?')
const wrong = sql(`update signal set state = 'wrong'`)
const howWrong = sql(`select count(*) as n from signal where state = 'wrong'`)
const forget = sql(`delete from meta where name = ?`)

/** As an older program left it: its tables are what other projections wrote. */
async function age(store: Store): Promise<void> {
  await store.write([wrong(), forget('projections')])
}

async function orders(company: TestCompany, count: number): Promise<void> {
  for (let n = 0; n < count; n++) await company.send(order, { n })
}

onEachStore(
  'the tables of an older version are rebuilt before anything drives, and the company goes on',
  async (url) => {
    const clock = new FakeClock()
    await using first = await testCompany({ workflows: [deliver], clock, ...(url ? { url } : {}) })
    await orders(first, 4)
    await age(first.open.store)
    await assert.rejects(first.check(), /here "wrong", the ledger says "routed"/)
    await first.close()

    await using company = await testCompany({
      workflows: [deliver],
      clock,
      folder: first.folder,
      ...(url ? { url } : {}),
    })
    await company.check()
    for (const gate of await company.queue()) await company.decide('answer', { gate: gate.id, value: 'yes' })
    assert.deepEqual((await company.ask('status', {})).runs, { done: 4 })
    await company.check()
  },
)

onEachStore('a database of a newer version is refused and left as it is', async (url) => {
  await using first = await testCompany({ workflows: [deliver], ...(url ? { url } : {}) })
  await orders(first, 1)
  await first.open.store.write([setVersion('999', 'projections'), wrong()])
  await first.close()
  const again = testCompany({ workflows: [deliver], folder: first.folder, ...(url ? { url } : {}) })
  await assert.rejects(again, { code: 'store.newer' })
  const store = await openStore({ url: url ?? join(first.folder, 'company.db'), secret: first.open.keys.secret })
  assert.equal((await store.first<{ n: number }>(howWrong()))!.n, 1)
  await store.close()
})

onEachStore('doctor --rebuild puts the tables right, but not while the company is driven', async (url) => {
  await using first = await testCompany({ workflows: [deliver], ...(url ? { url } : {}) })
  await orders(first, 2)
  await assert.rejects(first.ask('rebuild', {}), { code: 'company.running' })
  await first.close()
  const { openCompany } = await import('../src/server/open.ts')
  const { operate } = await import('../src/server/operations.ts')
  const company = await openCompany({
    folder: first.folder,
    company: first.open.company,
    url: url ?? join(first.folder, 'company.db'),
  })
  try {
    await company.store.write([wrong()])
    assert.equal(((await operate(company, 'doctor', {})) as { identical: boolean }).identical, false)
    await operate(company, 'rebuild', {})
    assert.equal(((await operate(company, 'doctor', {})) as { identical: boolean }).identical, true)
  } finally {
    await company.close()
  }
})

onEachStore('a rebuild that is killed leaves the tables as they were, or finished', async (url) => {
  const clock = new FakeClock()
  await using first = await testCompany({ workflows: [deliver], clock, ...(url ? { url } : {}) })
  await Promise.all(Array.from({ length: 300 }, (_, n) => first.send(order, { n })))
  await first.idle()
  const database = url ?? join(first.folder, 'company.db')
  await first.close()
  const state = { before: 0, after: 0 }
  for (let delay = 0; delay < 10_000 && state.after < 2; delay = delay * 1.4 + 10) {
    const { secret } = first.open.keys
    const aged = await openStore({ url: database, secret })
    await age(aged)
    await aged.close()
    const child = spawn(
      process.execPath,
      [
        '--conditions=factotum-source',
        fileURLToPath(new URL('rebuild-child.ts', import.meta.url)),
        first.folder,
        database,
      ],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    )
    const ended = once(child, 'exit')
    await once(child.stdout, 'data')
    await sleep(delay)
    child.kill('SIGKILL')
    await ended
    const store = await openStore({ url: database, secret })
    const rebuilt = (await store.first<{ value: string }>(version('projections'))) !== undefined
    const { n } = (await store.first<{ n: number }>(howWrong()))!
    assert.equal(n, rebuilt ? 0 : 300)
    state[rebuilt ? 'after' : 'before']++
    await store.close()
  }
  assert.ok(state.before > 0 && state.after > 0, JSON.stringify(state))
  await using company = await testCompany({
    workflows: [deliver],
    clock,
    folder: first.folder,
    ...(url ? { url } : {}),
  })
  await company.check()
})
