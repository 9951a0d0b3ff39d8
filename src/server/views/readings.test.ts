import assert from 'node:assert/strict'
import { onEachStore } from '../../../test/each-store.ts'
import { digestText } from './digest-text.ts'
import { fails, openShop, policyFolder, Shop } from '../../../test/shop.ts'

const PAYS_PASS = '@id("pays-pass") permit (principal, action == Action::"shop.pay", resource);'

onEachStore(
  'the readings show what waits, what is held, what was done, what is stuck and what was put off',
  async (url) => {
    const shop = new Shop()
    await using c = await openShop(shop, url)
    for (const item of ['a', 'b', 'c', 'd', 'e']) await c.run(shop.buy(), [{ item, hold: '5s', expires: '241m' }])
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

    await c.ask('snooze', { id: gates[4]!, until: c.clock.now() + 5_000 })
    shop.script = [() => ({ ref: 'done' }), fails('domain', 'shop.closed')]
    await c.ask('decide', { id: gates[0]!, outcome: 'approve', lookedMs: 4_000 })
    await c.ask('decideAll', { ids: [gates[1]!, gates[2]!], outcome: 'approve', lookedMs: 20_000 })
    const held = await c.ask('today', {})
    assert.deepEqual(held.needsYou, { count: 1, minutes: 1, byKind: { effect: 1 }, urgent: 0, snoozed: 1 })
    assert.deepEqual(
      held.snoozed.map((g) => [g.id, g.until - c.clock.now()]),
      [[gates[4], 5_000]],
    )
    assert.deepEqual(
      [held.held.count, held.held.items.map((e) => [e.title, e.automatic, e.until! > c.clock.now()])],
      [3, ['a', 'b', 'c'].map((item) => [`shop.order 1 ${item}`, false, true])],
    )
    assert.deepEqual([held.done.count, held.done.items], [0, []])
    await c.ask('cancel', { id: held.held.items[2]!.effect })
    await c.advance('5s')
    const now = await c.ask('today', {})
    assert.deepEqual(
      [
        now.held.count,
        now.done.count,
        now.done.automatic,
        now.done.items.map((e) => [e.title.replace(/[ab]$/, 'either'), e.until]),
      ],
      [0, 1, 0, [['shop.order 1 either', null]]],
    )
    assert.deepEqual(
      now.stuck.deadLetters.map(({ group, count }) => [group, count]),
      [['shop.order:shop.closed', 1]],
    )
    assert.deepEqual([now.stuck.count, now.stuck.byKind, now.snoozed], [1, { dead_letter: 1 }, []])
    assert.deepEqual(now.needsYou.byKind, { dead_letter: 1, effect: 2 })
    assert.deepEqual(
      (await c.ask('queue', {})).items.map((g) => g.kind),
      ['dead_letter', 'effect', 'effect'],
    )
    const { decided, timed, seconds, medianSeconds, approved, edited, rejected } = now.attentionToday
    assert.deepEqual([decided, timed, seconds, medianSeconds, approved, edited, rejected], [3, 3, 24, 10, 3, 0, 0])
    assert.deepEqual(
      now.next24h.filter((e) => e.what === 'expiry').map((e) => e.title),
      ['shop.order 1 d', 'shop.order 1 e'],
    )
    // What waits for less than four hours comes first, whatever it is.
    c.clock.advance(120_000)
    const late = await c.ask('queue', {})
    assert.deepEqual(
      [late.urgent, late.items.map((g) => [g.group, g.urgent])],
      [
        2,
        [
          ['urgent', true],
          ['urgent', true],
          ['dead_letter', false],
        ],
      ],
    )
    await c.check()
  },
)

onEachStore('the figures are of the operator’s own decisions', async (url) => {
  const shop = new Shop()
  await using c = await openShop(shop, url, { folder: await policyFolder(PAYS_PASS) })
  for (const [n, item] of ['a', 'b', 'c', 'd'].entries()) {
    await c.run(shop.buy(), [{ item }])
    const [gate] = await c.queue()
    const lookedMs = [3_000, 60_000, 5_000][n]
    await c.ask('decide', {
      id: gate!.id,
      ...(n === 1
        ? { outcome: 'edit', value: { item: 'B', amount: 2 } }
        : n === 2
          ? { outcome: 'reject', reason: 'no' }
          : { outcome: 'approve' }),
      ...(lookedMs === undefined ? {} : { lookedMs }),
    })
    await c.idle()
  }
  for (const item of ['e', 'f']) await c.run(shop.buy(), [{ verb: 'pay', item }])
  await c.idle()
  const first = (await c.effects())[0]!
  const { binding } = await c.ask('undoPlan', { id: first.id })
  await c.ask('undo', { id: first.id, binding })
  await c.idle()
  const { since: _, byKind, ...all } = await c.ask('figures', { since: '1d' })
  assert.deepEqual(all, {
    decided: 4,
    timed: 3,
    seconds: 68,
    medianSeconds: 5,
    approved: 2,
    edited: 1,
    rejected: 1,
    reversed: 1,
    withdrawn: 0,
    passed: 2,
    asked: 4,
    passedShare: 1 / 3,
    audited: 0,
    wrong: 0,
    errorRate: null,
  })
  assert.deepEqual(byKind.effect, {
    decided: 4,
    timed: 3,
    seconds: 68,
    medianSeconds: 5,
    approved: 2,
    edited: 1,
    rejected: 1,
  })
  const told = digestText(await c.ask('digest', { since: '1d' }))
  assert.deepEqual(told.slice(told.indexOf('Your decisions') + 1).slice(0, 2), [
    '  4 decisions, 5 s each (median of 3), 1 edited, 1 rejected, 1 taken back after they were done',
    '  2 of 6 effects passed without a gate',
  ])
  await c.advance('10s')
  assert.deepEqual((await c.ask('figures', { since: '5s' })).decided, 0)
  assert.equal((await c.ask('figures', { since: '7d' })).decided, 4)
  for (const lookedMs of [-1, 86_400_001, 1.5])
    await assert.rejects(c.ask('decide', { id: 'gate_x', outcome: 'approve', lookedMs }), {
      code: 'operation.bad_arguments',
    })
  await c.check()
})

onEachStore(
  'the ledger is read by record, by kind and by what is related; an event with its causes and consequences',
  async (url) => {
    const shop = new Shop()
    await using c = await openShop(shop, url)
    for (const item of ['a', 'b']) await c.run(shop.buy(), [{ item }])
    const [gate] = await c.queue()
    await c.decide('approve', { gate: gate!.id, reason: 'because Ada asked' })
    await c.idle()
    const head = await c.open.store.engine.head()
    const all: number[] = []
    let cursor: string | undefined
    do {
      const page = await c.ask('ledger', { limit: 7, ...(cursor === undefined ? {} : { cursor }) })
      all.push(...page.items.map((e) => e.seq))
      cursor = page.next ?? undefined
    } while (cursor !== undefined)
    assert.deepEqual(
      all,
      Array.from({ length: head }, (_, i) => head - 1 - i),
    )
    const gates = await c.ask('ledger', { kind: 'gate.', limit: 2 })
    assert.deepEqual(
      gates.items.map((e) => e.kind),
      ['gate.decided@1', 'gate.opened@1'],
    )
    assert.equal((await c.ask('ledger', { kind: 'gate.', cursor: gates.next! })).items.length, 1)
    const [effect] = await c.effects()
    const own = await c.ask('ledger', { stream: effect!.id })
    assert.deepEqual(
      own.items.map((e) => e.kind),
      ['effect.settled@1', 'effect.dispatched@1', 'effect.held@1', 'effect.proposed@1'],
    )
    const related = await c.ask('ledger', { related: effect!.run, limit: 1_000 })
    const streams = new Set(related.items.map((e) => e.stream))
    assert.deepEqual(
      [streams.has(effect!.id), streams.has(gate!.id), streams.has(effect!.run), streams.size],
      [true, true, true, 3],
    )

    const decided = gates.items[0]!
    assert.ok(!JSON.stringify(related.items).includes('because Ada asked'), 'a list has nothing private')
    const story = await c.ask('event', { seq: decided.seq })
    assert.equal(story.event.private?.reason, 'because Ada asked')
    assert.deepEqual(story.causes.map((e) => e.kind).slice(-1), ['gate.opened@1'])
    assert.deepEqual(
      story.consequences.map((e) => e.kind),
      ['effect.held@1'],
    )
    const whole = await c.ask('effect', { id: effect!.id })
    assert.deepEqual(
      [
        whole.title,
        whole.state,
        whole.tries,
        whole.undo.how,
        whole.gates.map((g) => [g.id, g.outcome]),
        whole.events.length,
      ],
      ['shop.order 1 a', 'succeeded', 1, 'undo', [[gate!.id, 'approve']], 4],
    )
    await assert.rejects(c.ask('event', { seq: head }), { code: 'why.not_found' })
    await assert.rejects(c.ask('effect', { id: 'eff_nobody' }), { code: 'id.not_found' })
    const [connector] = await c.ask('connectors', {})
    assert.deepEqual(
      [connector!.name, connector!.health, connector!.paused, connector!.actions.length],
      ['shop', 'working', false, 4],
    )
    await c.ask('pause', { scope: 'connector:shop' })
    assert.equal((await c.ask('connectors', {}))[0]!.paused, true)
  },
)

onEachStore('what moved after it was approved comes back as asked again', async (url) => {
  const shop = new Shop()
  let price = 1
  shop.also = { observe: async () => ({ price }) }
  await using c = await openShop(shop, url)
  await c.run(shop.buy(), [{ item: 'a', hold: '5s' }])
  assert.equal((await c.ask('queue', {})).items[0]!.again, false)
  await c.decide('approve')
  price = 2
  await c.advance('5s')
  const { items } = await c.ask('queue', {})
  assert.deepEqual(
    items.map((g) => [g.kind, g.again]),
    [['effect', true]],
  )
})
