import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openCompany } from '../../src/server/open.ts'
import { operate } from '../../src/server/operations.ts'
import { testDatabase } from '../postgres.ts'
import { openShop, Shop, told } from '../shop.ts'

void test(
  'that it goes on is heard by whoever drives, whoever said it',
  { skip: !process.env.DATABASE_URL },
  async () => {
    const database = await testDatabase()
    try {
      const shop = new Shop()
      await using c = await openShop(shop, database!.url)
      await c.ask('pause', {})
      const run = await c.run(shop.buy(), [{ item: 'tea' }])
      await c.decide('approve')
      const { company, folder } = c.open
      const beside = await openCompany({ folder, company, url: database!.url, clock: c.clock })
      await operate(beside, 'resume', {})
      await beside.close()
      while (shop.calls.length === 0) {
        await new Promise((resolve) => setTimeout(resolve, 10))
        await c.idle()
      }
      await c.idle()
      assert.equal((await told(c, run)).state, 'succeeded')
    } finally {
      await database!.drop()
    }
  },
)
