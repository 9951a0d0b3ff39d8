import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onEachStore } from '../../test/each-store.ts'
import { testCompany } from '../testing.ts'
import type { Connector } from './action.ts'

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

onEachStore('a service is asked once a day, and a change of what it says is told to the operator', async (url) => {
  const says: { answer: unknown } = { answer: { version: 1, fields: ['name'] } }
  const connector = service(says)
  await using c = await testCompany({ connectors: [connector], ...(url ? { url } : {}) })
  await c.idle()
  await c.advance('3d')
  assert.deepEqual([connector.asked(), await c.queue()], [4, []])
  says.answer = { version: 2, fields: ['name', 'phone'] }
  await c.advance('1d')
  const [gate, ...others] = await c.queue()
  assert.deepEqual([gate!.kind, others], ['contract', []])
  assert.deepEqual(gate!.proposal, {
    was: { version: 1, fields: ['name'] },
    is: { version: 2, fields: ['name', 'phone'] },
  })
  await c.decide('accept')
  await c.advance('2d')
  assert.deepEqual(await c.queue(), [])
  await c.check()
})

test('the operator may let nothing leave through a connector whose service changed', async () => {
  const says: { answer: unknown } = { answer: 1 }
  await using c = await testCompany({ connectors: [service(says)] })
  await c.idle()
  says.answer = 2
  await c.advance('1d')
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
  await first.close()
  await using again = await testCompany({ folder: first.folder, clock: first.clock })
  await again.advance('2d')
  assert.deepEqual([connector.asked(), await again.queue()], [1, []])
  await again.check()
})
