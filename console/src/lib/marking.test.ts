import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cut, marked } from './marking.ts'

test('what turns the direction of writing is seen, with its number and name', () => {
  assert.deepEqual(marked('invoice\u202efdp.exe'), [
    { text: 'invoice' },
    { text: '\u202e', hidden: 'U+202E right-to-left override' },
    { text: 'fdp.exe' },
  ])
})

test('what takes no room is seen, wherever it stands', () => {
  const hidden = (text: string) => marked(text).flatMap((p) => p.hidden ?? [])
  assert.deepEqual(hidden('\u200bpay\u2060pal\ufeff'), [
    'U+200B zero-width space',
    'U+2060 word joiner',
    'U+FEFF zero-width no-break space',
  ])
  assert.deepEqual(hidden('a\u{e0041}b'), ['U+E0041 invisible character'])
  assert.deepEqual(hidden('\u001b[31m'), ['U+001B invisible character'])
})

test('no character is lost', () => {
  const text = 'a\u202eb\u200bc\r\nd\te'
  assert.equal(
    marked(text)
      .map((p) => p.text)
      .join(''),
    text,
  )
})

test('line ends, tabs, and what joins an emoji or a script are text', () => {
  const family = '\u{1f468}\u200d\u{1f469}'
  for (const text of ['a\r\nb', 'a\tb', family, 'نامه\u200cای'])
    assert.deepEqual(
      marked(text).filter((p) => p.hidden),
      [],
    )
})

test('a joiner between plain letters is seen', () => {
  assert.equal(marked('pay\u200dpal').filter((p) => p.hidden).length, 1)
})

test('an enormous line and a text of many lines are cut, and what is left is counted', () => {
  assert.deepEqual(cut('x'.repeat(10), 4, 10), { shown: 'xxxx', left: 6 })
  assert.deepEqual(cut('a\nb\nc\nd', 100, 2), { shown: 'a\nb', left: 4 })
  assert.deepEqual(cut('short', 100, 2), { shown: 'short', left: 0 })
  assert.deepEqual(cut('ab\u{1f600}', 3, 10), { shown: 'ab', left: 2 })
})
