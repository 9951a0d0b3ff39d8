import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { wordDiff } from './diff.ts'

test('an edit is told by the words that went and came', () => {
  assert.deepEqual(wordDiff('Please pay within 14 days.', 'Please pay within 30 days.'), [
    { how: 'same', text: 'Please pay within ' },
    { how: 'gone', text: '14' },
    { how: 'new', text: '30' },
    { how: 'same', text: ' days.' },
  ])
})

test('whatever was edited, both texts can be read from it', () => {
  const text = fc.array(fc.constantFrom('a', 'b', ' ', '\n', 'word', ' c')).map((parts) => parts.join(''))
  fc.assert(
    fc.property(text, text, (before, after) => {
      const parts = wordDiff(before, after)
      const read = (not: 'gone' | 'new') =>
        parts
          .filter((p) => p.how !== not)
          .map((p) => p.text)
          .join('')
      assert.equal(read('new'), before)
      assert.equal(read('gone'), after)
    }),
  )
})
