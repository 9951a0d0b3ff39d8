import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import type { Json } from '../../lib/json.ts'
import { filtered, mapped } from './data.ts'
import type { Condition } from './plan.ts'
import { catalogueOf, outputOf } from './registry.ts'
import { typeOf, walk, type Shape } from './shapes.ts'
import { fill, holesIn, lookUp, readReference } from './values.ts'

const SCOPE = {
  today: '2026-11-02',
  found: {
    list: [
      { id: 'a', n: 1 },
      { id: 'b', n: 2 },
    ],
    none: null,
    'odd-name': true,
  },
}

test('a reference leads to a value, to one of a list, or to something of each', () => {
  assert.equal(lookUp('today', SCOPE), '2026-11-02')
  assert.equal(lookUp('found.list[1].n', SCOPE), 2)
  assert.deepEqual(lookUp('found.list[].id', SCOPE), ['a', 'b'])
  assert.equal(lookUp('found.odd-name', SCOPE), true)
})

test('what is not there is an error, and never something that every object has', () => {
  for (const text of [
    'nobody',
    'found.constructor',
    'found.list.length',
    'found.list[2]',
    'found.none.x',
    'today[]',
    'today[0]',
    '',
    'a b',
    'found.',
    'found.list[-1]',
    'toString',
    '__proto__.x',
    'found.__proto__',
  ])
    assert.throws(() => lookUp(text, SCOPE), { code: 'plan.no_value' }, text)
})

test('an input is filled where it has holes; what fills them is not read again', () => {
  const input = {
    to: { $from: 'found.list[0].id' },
    all: [{ $text: 'On {today}: {found.list[1].n}' }],
    plain: { $from: 1 },
  }
  assert.deepEqual(fill(input, SCOPE), { to: 'a', all: ['On 2026-11-02: 2'], plain: { $from: 1 } })
  const hostile = { found: { $from: 'today' }, text: '{today} $& $1' }
  assert.deepEqual(fill({ a: { $from: 'found' }, b: { $text: '<{text}>' } }, hostile), {
    a: { $from: 'today' },
    b: '<{today} $& $1>',
  })
  assert.throws(() => fill({ $text: 'all: {found.list}' }, SCOPE), { code: 'plan.no_value' })
  assert.deepEqual(
    holesIn(input).map((hole) => [hole.path.join('.'), hole.whole]),
    [
      ['to', true],
      ['all.0', false],
    ],
  )
})

test('conditions are total: what cannot be compared does not hold', () => {
  const now = Date.UTC(2026, 10, 16, 12)
  const items = [
    { v: 5 },
    { v: 'Berlin' },
    { v: null },
    {},
    { v: [5] },
    { v: '2026-11-01' },
    { v: '2026-11-02T12:00:00Z' },
    7,
  ]
  const kept = (is: Condition['is'], value: Condition['value']) =>
    filtered({ id: 'x', why: '', kind: 'filter', list: 'l', where: [{ field: 'v', is, value }] }, items, now).map(
      (item) => items.indexOf(item as never),
    )
  assert.deepEqual(kept('equal', 5), [0])
  assert.deepEqual(kept('equal', null), [2, 3, 7])
  assert.deepEqual(kept('not_equal', 5), [1, 2, 3, 4, 5, 6, 7])
  assert.deepEqual(kept('above', 4), [0])
  assert.deepEqual(kept('below', 5), [])
  assert.deepEqual(kept('below', 'C'), [1, 5, 6])
  assert.deepEqual(kept('containing', 'BER'), [1])
  assert.deepEqual(kept('containing', 5), [4])
  assert.deepEqual(kept('older_than_days', 14), [5], 'exactly 14 days are not more than 14')
  assert.deepEqual(kept('older_than_days', 13), [5, 6], 'a small number is no time')
  assert.deepEqual(kept('younger_than_days', 15), [6])
  items.push({ v: now - 20 * 86_400_000 })
  assert.deepEqual(kept('older_than_days', 19), [8], 'a time in ms')
})

test('a list is made anew item by item, and cut down in its order', () => {
  const items = [{ n: 1 }, { n: 2 }, { n: 3 }]
  const to = { n: { $from: 'item.n' }, on: { $from: 'today' } }
  assert.deepEqual(mapped({ id: 'x', why: '', kind: 'map', list: 'l', to }, items.slice(1), SCOPE), [
    { n: 2, on: '2026-11-02' },
    { n: 3, on: '2026-11-02' },
  ])
  assert.deepEqual(
    filtered({ id: 'x', why: '', kind: 'filter', list: 'l', where: [], take: 2 }, items, 0),
    items.slice(0, 2),
  )
})

test('schemas tell where a path leads, as far as they know', () => {
  const shape = outputOf(
    z.object({
      list: z.array(z.object({ id: z.string(), n: z.int().nullable() })),
      any: z.unknown(),
      map: z.record(z.string(), z.number()),
    }),
  ) as Shape
  const at = (text: string) => {
    const walked = walk(shape, readReference(`r.${text}`)!.parts)
    return 'shape' in walked ? typeOf(walked.shape) : walked.problem
  }
  assert.deepEqual(['list', 'list[0].id', 'list[0].n', 'list[].id', 'any.thing', 'map.x'].map(at), [
    'array',
    'string',
    'number',
    'array',
    null,
    null,
  ])
  assert.match(at('lists')!, /there is no "lists"; there is list, any, map/)
  assert.match(at('list[0].id.x')!, /a string has no "x"/)
  assert.match(at('list.id')!, /a list has no "id"/)
  assert.match(at('map[0]')!, /wants a list/)
})

test('the catalogue is of a bounded size, whatever is registered, and the same each time', () => {
  const input = z.object(Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`field_${i}`, z.string()])))
  const workflows = new Map(
    Array.from({ length: 100 }, (_, i) => [`w${i}`, { input, workflow: `w${i}` } as never] as const),
  )
  const registry = { actions: new Map(), workflows, agents: new Map(), zone: 'UTC' }
  const catalogue = catalogueOf(registry) as { workflows: { name: string; input?: Json }[] }
  assert.ok(Buffer.byteLength(JSON.stringify(catalogue)) < 70_000)
  assert.equal(catalogue.workflows.length, 100)
  assert.equal(typeof catalogue.workflows[0]!.input, 'string', 'in a few words')
  assert.deepEqual(Object.keys(catalogue.workflows.at(-1)!), ['name'])
  const reversed = new Map([...workflows].toReversed())
  assert.deepEqual(catalogueOf({ ...registry, workflows: reversed }), catalogue)
})
