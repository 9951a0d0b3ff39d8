import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inFolder } from '../crash/folder.ts'
import { billing } from '../../examples/studio/connectors/billing/index.ts'
import { testCompany } from '../../src/testing.ts'
import { dice } from './dice.ts'
import { books, OUTAGE, settle } from './scenes.ts'
import { World } from './world.ts'

test('the operator wrongly says that it did not happen, and then edits it: it is done once', () =>
  inFolder(async (folder) => {
    const seed = books(dice(1), 1)
    const world = await World.start({ folder, seed, duplicates: 'on' })
    try {
      const { service, token } = world
      const connector = billing.connect({ url: service.url, token })
      await using c = await testCompany({ workflows: [settle], connectors: [connector] })
      const { id: charge, customer } = seed.charges[0]!
      const refunds = [{ charge, amount: 300 }]
      const more = { together: false, invoice: null, compensates: 'never', hold: false, expires: false } as const
      world.goesWrong(OUTAGE)
      await c.run(settle, { customer, refunds, ...more })
      await c.decide('approve')
      await c.advance('30m')
      assert.deepEqual(
        (await c.queue()).map((g) => g.kind),
        ['uncertain'],
      )
      world.goesWrong([])
      await c.decide('retry')
      // What was refunded is what "changed outside", and the operator believes that somebody else did it.
      const [gate] = await c.queue()
      if (gate)
        await c.decide('edit', { value: { ...((await c.ask('input', { id: gate.id })) as object), amount: 200 } })
      await c.advance('5m')
      assert.deepEqual(
        (await world.books()).refunds.map((r) => r.amount),
        [300],
      )
    } finally {
      await world.close()
    }
  }))
