import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { workflow, z } from '../../src/index.ts'
import { onEachStore } from '../each-store.ts'
import { policyFolder, Shop, states } from '../shop.ts'
import { places, restoreTo, snapshotOf, stage } from './stage.ts'

onEachStore(
  'what began before the copy was made and nobody approves is asked for, what begins after is not',
  async (url) => {
    const shop = new Shop()
    const later = workflow('later', { input: z.object({ item: z.string() }) }, async (ctx, { item }) => {
      await ctx.sleep('1m')
      await ctx.act(shop.order(), { item, amount: 1 })
    })
    const open = (folder: string, more: object) => stage(shop, { workflows: [later], folder, ...more })
    await using c = await open(
      await policyFolder('@id("all") permit (principal, action, resource);'),
      url ? { url } : {},
    )
    await writeFile(join(c.folder, 'company.ts'), 'export default 1\n')
    await c.run(later, { item: 'before' })
    const file = await snapshotOf(c)
    await c.advance('2m')
    assert.deepEqual(await states(c), { before: 'succeeded' }, 'the original asks nobody')
    for (const place of await places()) {
      await using there = place
      await restoreTo(c, file, there)
      const at = there.url ?? join(there.folder, 'data/company.db')
      await using restored = await open(there.folder, { url: at, clock: c.clock })
      await restored.ask('resume', {})
      await restored.run(later, { item: 'after' })
      await restored.advance('2m')
      assert.deepEqual(await states(restored), { before: 'gated', after: 'succeeded' })
      await restored.decide('approve')
      await restored.advance('2m')
      assert.deepEqual(await states(restored), { before: 'succeeded', after: 'succeeded' })
      await restored.check()
    }
  },
)
