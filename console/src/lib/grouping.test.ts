import assert from 'node:assert/strict'
import { test } from 'node:test'
import { after, grouped, range } from './grouping.ts'

const item = (id: string, shape: string | null = null, risk = 'compensable', kind = 'effect') => ({
  id,
  kind,
  risk,
  shape,
})
const read = (rows: ReturnType<typeof grouped>) =>
  rows.map((r) => (r.row === 'item' ? r.item.id : `[${r.items.map((i) => i.id).join(' ')}]`))

test('items of one shape are one line where the first of them stood', () => {
  const items = [item('a'), item('b', 's'), item('c'), item('d', 's'), item('e', 's')]
  assert.deepEqual(read(grouped(items, new Set())), ['a', '[b d e]', 'c'])
  assert.deepEqual(read(grouped(items, new Set(['effect|s']))), ['a', '[b d e]', 'b', 'd', 'e', 'c'])
})

test('what cannot be taken back, and what asks for words, stands alone', () => {
  const last = (risk: string, kind: string) => ['a', 'b', 'c'].map((id) => item(id, 's', risk, kind))
  assert.deepEqual(read(grouped(last('irreversible', 'effect'), new Set())), ['a', 'b', 'c'])
  assert.deepEqual(read(grouped(last('compensable', 'question'), new Set())), ['a', 'b', 'c'])
  assert.deepEqual(read(grouped([item('a', 's'), item('b', 's')], new Set())), ['a', 'b'])
})

test('shift selects from where it began, in both directions', () => {
  const ids = ['a', 'b', 'c', 'd']
  assert.deepEqual(range(ids, 'b', 'd'), ['b', 'c', 'd'])
  assert.deepEqual(range(ids, 'd', 'b'), ['b', 'c', 'd'])
  assert.deepEqual(range(ids, null, 'c'), ['c'])
  assert.deepEqual(range(ids, 'gone', 'c'), ['c'])
})

test('after a decision the next one is looked at, and the one before where it was the last', () => {
  const ids = ['a', 'b', 'c']
  assert.equal(after(ids, new Set(['b']), 'b'), 'c')
  assert.equal(after(ids, new Set(['c']), 'c'), 'b')
  assert.equal(after(ids, new Set(['a', 'b', 'c']), 'b'), null)
})
