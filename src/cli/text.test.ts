import assert from 'node:assert/strict'
import { test } from 'node:test'
import { columns, oneLine, plain } from './text.ts'

test('hostile text is printed inertly', () => {
  for (const hostile of [
    '\u001b[2J',
    '\u001b]0;title\u0007',
    '\u009b31m',
    'a\rb',
    'a\bb',
    '\u202egpj.exe',
    '\u2066x\u2069',
    '\u061c',
    'a\u200bb',
    '\ufeff',
    '\0',
    '\u{e0041}\u{e007f}',
    'a\u00adb',
    '\u2028',
    '\u180e',
  ]) {
    for (const printed of [plain(hostile), oneLine(hostile)])
      assert.doesNotMatch(printed, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u, JSON.stringify(hostile))
  }
})

test('ordinary text stays as it is', () => {
  assert.equal(plain('Grüß Gott,\n\t日本語 🎉 “quoted”'), 'Grüß Gott,\n\t日本語 🎉 “quoted”')
  assert.equal(oneLine('  a\n b\t c '), 'a b c')
  assert.equal(oneLine('abcdef', 4), 'abc…')
  assert.deepEqual(
    columns([
      ['a', 'bb'],
      ['ccc', 'd'],
    ]),
    ['a    bb', 'ccc  d'],
  )
})
