import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onEachStore } from '../../test/each-store.ts'
import { testCompany, type TestCompany } from '../testing.ts'
import type { Connector } from './action.ts'

const DAY_MS = 24 * 60 * 60_000

/** A service that says what it offers: whatever it is told to, or nothing. */
function service(says: { answer: unknown }) {
  let asked = 0
  const connector: Connector & { readonly asked: () => number } = {
    name: 'crm',
    actions: [],
    signals: [],
    open: async () => null,
    close: async () => {},
    describe: () => 'a crm',
    probe: async () => {
      asked++
      if (says.answer instanceof Error) throw says.answer
      return says.answer as never
    },
    asked: () => asked,
  }
  return connector
}

/** The company a day later. Nobody waits for a day of sweeps: it is opened again then. */
async function nextDay(c: TestCompany, connectors: Connector[], url?: string): Promise<TestCompany> {
  await c.close()
  c.clock.advance(DAY_MS)
  const again = await testCompany({ connectors, folder: c.folder, clock: c.clock, ...(url ? { url } : {}) })
  await again.idle()
  return again
}

onEachStore('a service is asked once a day, and a change of what it says is told to the operator', async (url) => {
  const says: { answer: unknown } = { answer: { version: 1, fields: ['name'] } }
  const connector = service(says)
  let c = await testCompany({ connectors: [connector], ...(url ? { url } : {}) })
  await c.idle()
  for (let day = 0; day < 3; day++) c = await nextDay(c, [connector], url)
  assert.deepEqual([connector.asked(), await c.queue()], [4, []])
  says.answer = { version: 2, fields: ['name', 'phone'] }
  c = await nextDay(c, [connector], url)
  const [gate, ...others] = await c.queue()
  assert.deepEqual([gate!.kind, others], ['contract', []])
  assert.deepEqual(gate!.proposal, {
    was: { version: 1, fields: ['name'] },
    is: { version: 2, fields: ['name', 'phone'] },
  })
  await c.decide('accept')
  await using last = await nextDay(c, [connector], url)
  assert.deepEqual([connector.asked(), await last.queue()], [6, []])
  await last.check()
})

test('the operator may let nothing leave through a connector whose service changed', async () => {
  const says: { answer: unknown } = { answer: 1 }
  const connectors = [service(says)]
  const before = await testCompany({ connectors })
  await before.idle()
  says.answer = 2
  await using c = await nextDay(before, connectors)
  await c.decide('pause')
  assert.deepEqual(
    (await c.ask('pauses', {})).map((p) => p.scope),
    ['connector:crm'],
  )
  await c.check()
})

test('a service that cannot be asked is asked again, and nothing is recorded about it', async () => {
  const says: { answer: unknown } = { answer: new Error('down') }
  const connector = service(says)
  await using c = await testCompany({ connectors: [connector] })
  await c.idle()
  const events = await c.open.store.engine.head()
  await c.advance('3h')
  assert.deepEqual([connector.asked(), await c.open.store.engine.head()], [4, events])
  says.answer = 1
  await c.advance('2h')
  assert.equal(connector.asked(), 5)
})

test('a connector that is gone is no longer asked about', async () => {
  const connector = service({ answer: 1 })
  const first = await testCompany({ connectors: [connector] })
  await first.idle()
  await using again = await nextDay(first, [])
  assert.deepEqual([connector.asked(), await again.queue()], [1, []])
  await again.check()
})
