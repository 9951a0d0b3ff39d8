import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blank, fieldsOf, textOf, valueOf, withField } from './forms.ts'

const INPUT = { to: { id: 'a' }, body: 'Dear Ada,\nhello', amount: 1250, urgent: false, tags: ['a'] }

test('a value is edited by its fields, in its own order, what lies deep as JSON', () => {
  assert.deepEqual(
    fieldsOf(INPUT).map((f) => [f.path.join('.'), f.kind]),
    [
      ['to', 'json'],
      ['body', 'long'],
      ['amount', 'number'],
      ['urgent', 'flag'],
      ['tags', 'json'],
    ],
  )
  assert.deepEqual(fieldsOf('plain'), [{ path: [], kind: 'text', value: 'plain' }])
})

test('what is not touched reads back as it was', () => {
  for (const field of fieldsOf(INPUT)) assert.deepEqual(valueOf(field, textOf(field)), field.value)
})

test('an edit changes its own field and nothing else', () => {
  assert.deepEqual(withField(INPUT, ['amount'], 900), { ...INPUT, amount: 900 })
  assert.deepEqual(withField('x', [], 'y'), 'y')
})

test('a number that is none, and JSON that is none, say so', () => {
  const [field] = fieldsOf({ n: 1 })
  assert.throws(() => valueOf(field!, 'many'), /takes a number/)
  assert.throws(() => valueOf(field!, ''), /takes a number/)
  assert.throws(() => valueOf({ path: [], kind: 'json', value: null }, '{'), /not JSON/)
})

test('an answer begins as its shape says', () => {
  const shape = {
    type: 'object',
    properties: { yes: { type: 'boolean' }, why: { type: 'string' }, n: { enum: [3, 4] } },
  }
  assert.deepEqual(blank(shape), { yes: false, why: '', n: 3 })
  assert.equal(blank({}), '')
})
