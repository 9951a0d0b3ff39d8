import assert from 'node:assert/strict'
import { onEachStore } from '../../../test/each-store.ts'
import { fails, openShop, Shop } from '../../../test/shop.ts'

onEachStore(
  'the readings show what waits, what is held, what was done, what is stuck and what was put off',
  async (url) => {
    const shop = new Shop()
    await using c = await openShop(shop, url)
    for (const item of ['a', 'b', 'c', 'd', 'e']) await c.run(shop.buy(), [{ item, expires: '20h' }])
    const rows = await c.ask('queue', { limit: 3 })
    assert.deepEqual([rows.items.length, rows.counts, rows.urgent, rows.snoozed], [3, { effect: 5 }, 0, 0])
    const [first] = rows.items
    assert.deepEqual(
      { ...first, id: '', shape: '', run: '', openedAt: 0, expiresAt: 0 },
      {
        id: '',
        kind: 'effect',
        title: 'shop.order 1 a',
        risk: 'compensable',
        action: 'shop.order',
        shape: '',
        group: 'effect',
        urgent: false,
        again: false,
        trust: 'operator',
        run: '',
        workflow: 'buy',
        openedAt: 0,
        expiresAt: 0,
        snoozedUntil: null,
      },
    )
    const rest = await c.ask('queue', { limit: 3, cursor: rows.next! })
    const gates = [...rows.items, ...rest.items].map((g) => g.id)
    assert.deepEqual([new Set(gates).size, rest.next], [5, null])
    assert.deepEqual(
      (await c.ask('queue', { find: 'ORDER 1 C' })).items.map((g) => g.title),
      ['shop.order 1 c'],
    )

    await c.ask('snooze', { id: gates[4]!, until: c.clock.now() + 3_600_000 })
    shop.script = [() => ({ ref: 'done' }), fails('domain', 'shop.closed')]
    await c.ask('decide', { id: gates[0]!, outcome: 'approve', lookedMs: 4_000 })
    await c.ask('decideAll', { ids: [gates[1]!, gates[2]!], outcome: 'approve', lookedMs: 20_000 })
    const held = await c.ask('today', {})
    assert.deepEqual(held.needsYou, { count: 1, minutes: 1, byKind: { effect: 1 }, urgent: 0, snoozed: 1 })
    assert.deepEqual(
      held.snoozed.map((g) => [g.id, g.until - c.clock.now()]),
      [[gates[4], 3_600_000]],
    )
    await c.idle()
    await c.check()
  },
)
