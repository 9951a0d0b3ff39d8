import assert from 'node:assert/strict'
import { test } from 'node:test'
import { workflow, z } from '../../index.ts'
import { testCompany } from '../../testing.ts'
import { GoingBlobs } from './blobs.ts'

const draw = workflow('draw', { input: z.object({ n: z.int() }) }, async (ctx) => {
  await ctx.step('picture', async () => new Uint8Array(1_000).fill(7))
})

test('a file goes with the last event that names it, also where that one is found on a second look', async () => {
  await using c = await testCompany({ workflows: [draw] })
  for (const n of [1, 2]) await c.run(draw, { n })
  const { store } = c.open
  const [blob] = await store.engine.queryText('select hash from blob', [])
  const rows = await store.engine.queryText('select seq from event where private like ? order by seq', [
    `%${String(blob!.hash)}%`,
  ])
  const [first, second] = rows.map((row) => Number(row.seq))
  const head = await store.engine.head()
  const blobs = new GoingBlobs(store)
  assert.deepEqual(await blobs.find(new Set([first!]), head), [])
  assert.deepEqual(blobs.shared, [blob!.hash])
  assert.deepEqual(await blobs.find(new Set([first!, second!]), head), [blob!.hash])
  assert.deepEqual(await blobs.find(new Set([first!]), head), [])
})
