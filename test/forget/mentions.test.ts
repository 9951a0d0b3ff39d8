import assert from 'node:assert/strict'
import { mentionsOf } from '../../src/server/forget/mentions.ts'
import { testCompany } from '../../src/testing.ts'
import { onEachStore } from '../each-store.ts'

onEachStore('what no event made is searched to its end, and no more than a page of it is held', async (url) => {
  await using c = await testCompany(url ? { url } : {})
  const paragraphs = Array.from({ length: 500 }, (_, i) => `Paragraph ${i}. ${'It goes on for a while. '.repeat(30)}`)
  await c.ask('remember', { text: [...paragraphs, 'Here xneedlex stands.'].join('\n\n'), title: 'Long' })
  await c.open.recall.upToDate()
  await c.ask('sessionSet', { session: 'desk', name: 'chat', value: 'xneedlex' })
  const { store } = c.open
  let most = 0
  const engine = new Proxy(store.engine, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (name === 'query')
        return async (...query: Parameters<(typeof store.engine)['query']>) => {
          const rows = await target.query(...query)
          most = Math.max(most, rows.length)
          return rows
        }
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  const found = await mentionsOf(store.through(engine, store.clock), c.folder, ['xneedlex'])
  const kinds = new Set(found.filter((m) => m.what === 'row').map((m) => m.kind))
  assert.deepEqual(kinds, new Set(['passage', 'ephemeral']))
  assert.ok(most > 100 && most <= 200, `${most} rows at once`)
})
