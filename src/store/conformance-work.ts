import assert from 'node:assert/strict'
import { added, note, rung, together, type Check } from './conformance-kit.ts'
import type { CommitInput } from './prepared.ts'
import * as work from './work.ts'

/** What every store must do about work, and about who may go on with it. */
export function workConformance(check: Check): void {
  check('answers the inbox version to the holder of a lease and refuses everybody else', async (store) => {
    await store.commit({ key: 'w', events: [added('w', { at: 5 })] })
    const [claimed] = await store.write([work.claim('me', 10, 20, 5)])
    assert.deepEqual(
      claimed!.map((r) => ({ ...r })),
      [{ id: 'w', epoch: 1 }],
    )
    const fenced = (key: string, epoch: number): CommitInput => ({
      key,
      events: [rung('w', { at: 1 })],
      fence: { id: 'w', epoch },
    })
    const results = await together(store, [fenced('a', 1), fenced('b', 1), fenced('c', 2), fenced('d', 1)])
    assert.deepEqual(
      results.map((r) => (typeof r === 'string' ? r : r.inbox)),
      [0, 1, 'store.fenced', 2],
    )
    assert.equal((await store.commit(note('no fence'))).inbox, -1)
    await store.write([work.revokeLease('w')])
    await assert.rejects(store.commit(fenced('e', 1)), { code: 'store.fenced' })
    await assert.rejects(store.commit({ ...fenced('f', 1), fence: { id: 'nobody', epoch: 1 } }), {
      code: 'store.fenced',
    })
  })

  check(
    'whoever lost its lease is told so, also where another has done its step differently meanwhile',
    async (store) => {
      await store.commit({ key: 'w', events: [added('w', { at: 5 })] })
      await store.write([work.claim('me', 10, 20, 5)])
      const step = (at: number): CommitInput => ({
        key: 'step',
        events: [rung('w', { at })],
        fence: { id: 'w', epoch: 1 },
      })
      await store.commit(step(1))
      assert.equal((await store.commit(step(1))).duplicate, true)
      await assert.rejects(store.commit(step(2)), { code: 'store.key_reused' })
      await store.write([work.revokeLease('w')])
      assert.equal((await store.commit(step(1))).duplicate, true)
      await assert.rejects(store.commit(step(2)), { code: 'store.fenced' })
    },
  )

  check('never leases one piece of work twice', async (store) => {
    await Promise.all(
      Array.from({ length: 200 }, (_, i) => store.commit({ key: `k${i}`, events: [added(`w${i}`, { at: i })] })),
    )
    const claims = await Promise.all(
      Array.from({ length: 30 }, (_, i) => store.write([work.claim(`holder-${i}`, 150, 1_000, 7)])),
    )
    const ids = claims.flat(2).map((r) => String(r.id))
    assert.equal(ids.length, 151)
    assert.equal(new Set(ids).size, 151)
    assert.deepEqual((await store.write([work.claim('late', 150, 1_000, 500)]))[0], [])
    await store.write([work.releaseAll('holder-0')])
    const again = (await store.write([work.claim('other', 150, 1_000, 500)]))[0]!
    assert.deepEqual(
      again.map((r) => `${String(r.id)} ${String(r.epoch)}`).toSorted(),
      claims[0]![0]!.map((r) => `${String(r.id)} 2`).toSorted(),
    )
  })

  check('runs every statement about work and leases', async (store) => {
    await Promise.all(['a', 'b', 'c'].map((id, i) => store.commit({ key: id, events: [added(id, { at: i * 10 })] })))
    await store.write([work.claim('me', 0, 100, 5)])
    assert.equal((await store.first(work.nextDue(5)))!.at, 10)
    assert.equal((await store.first(work.dueNow(15, 15)))!.n, 1)
    assert.equal((await store.first(work.allDue(15, 15)))!.n, 2)
    await store.write([work.renewLease(200, 'a', 'me'), work.releaseLease('a', 1)])
    assert.equal((await store.first(work.dueNow(15, 15)))!.n, 2)
    await store.write([work.expireAll(), work.endWork('b'), work.sleepWork(null, 'a'), work.reviveWork('c', 'run', 3)])
    assert.deepEqual({ ...(await store.first(work.kindOf('c'))) }, { id: 'c', kind: 'run', inbox: 1 })
    assert.deepEqual(await store.read(work.kindOf('b')), [])
  })
}
