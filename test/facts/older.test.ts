import assert from 'node:assert/strict'
import { FACT_EVENTS, factsAt, lookupKey } from '../../src/context/facts.ts'
import type { EventInput } from '../../src/store/index.ts'
import { testCompany } from '../../src/testing.ts'
import { onEachStore } from '../each-store.ts'
import { Customer } from './world.ts'

type Make = (stream: string, body: object, options: { private: object }) => EventInput
const kind = (name: string): Make => FACT_EVENTS.find((k) => k.kind === name) as unknown as Make

onEachStore('ledgers of the first version answer for both times, and go on under the second', async (url) => {
  await using c = await testCompany({ entities: [Customer], ...(url ? { url } : {}) })
  const { store } = c.open
  const ada = store.newId('ent')
  const base = { attribute: 'plan', trust: 'outsider', source: 'sig_1' }
  const said = (fact: string, value: string, validFrom: number, ends: string | null) =>
    kind('fact.asserted@1')(ada, { ...base, fact, validFrom, ends }, { private: { value } })
  const recorded: number[] = []
  const commit = async (event: EventInput) => {
    recorded.push((await store.commit({ key: `old:${recorded.length}`, events: [event] })).seq)
  }
  const at = async (valid: number, seq = recorded.at(-1)!) =>
    (await factsAt(store, ada, { valid, recorded: { seq } })).map((f) => f.value)
  await commit(
    kind('entity.created@1')(ada, { kind: 'customer', lookup: lookupKey(store, 'ada') }, { private: { label: 'ada' } }),
  )
  await commit(said('fact_1', 'free', 100, null))
  await commit(said('fact_2', 'pro', 200, 'fact_1'))
  await commit(said('fact_3', 'gold', 300, 'fact_2'))
  assert.deepEqual(await Promise.all([at(150), at(250), at(350)]), [['"free"'], ['"pro"'], ['"gold"']])
  assert.deepEqual(await at(350, recorded[1]), ['"free"'], 'as it was believed before')
  // Taken back: what it had replaced holds again, from when it had begun.
  const again = { fact: 'fact_4', attribute: 'plan', validFrom: 100, trust: 'outsider', of: 'fact_1' }
  await commit(kind('fact.retracted@1')(ada, { fact: 'fact_3', restores: again }, { private: { value: 'free' } }))
  await commit(kind('fact.retracted@1')(ada, { fact: 'fact_2', restores: null }, { private: { value: null } }))
  assert.deepEqual(await Promise.all([at(150), at(250), at(350)]), [['"free"'], ['"free"'], ['"free"']])
  assert.deepEqual(await at(250, recorded[3]), ['"pro"'])
  await c.ask('factAssert', { entity: 'ada', attribute: 'plan', value: 'gold', from: 400, reason: 'now' })
  assert.deepEqual(
    await Promise.all([at(350), factsAt(store, ada, { valid: 400 })]).then(([a, b]) => [a, b[0]!.value]),
    [['"free"'], '"gold"'],
  )
  await c.check()
})
