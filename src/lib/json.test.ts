import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { jsonCopy, shortHash } from './json.ts'

test('a copy is what JSON would give back, and shares nothing', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      if (JSON.stringify(value).includes('__proto__')) return
      const copied = jsonCopy(value, 'It')
      assert.deepEqual(copied, JSON.parse(JSON.stringify(value)))
      if (value !== null && typeof value === 'object') assert.notEqual(copied, value)
    }),
  )
})

test('what JSON cannot hold is refused with where it is', () => {
  for (const [value, where] of [
    [{ a: [1, { b: () => 1 }] }, /at a\[1\]\.b is a function/],
    [[undefined], /at \[0\] is undefined/],
    [{ a: new Date(0) }, /at a is an instance of Date/],
    [Number.POSITIVE_INFINITY, /at the top is Infinity/],
    [Symbol('x'), /at the top is a symbol/],
    [JSON.parse('{"__proto__": {"admin": true}}'), /__proto__/],
    [new Uint8Array(1), /Uint8Array/],
  ] as const) {
    assert.throws(
      () => jsonCopy(value, 'It'),
      (error: Error & { code: string }) => error.code === 'json.not_json' && where.test(error.message),
    )
  }
})

test('the limit is in bytes, exactly', () => {
  for (const text of ['a', 'é', '€', '😀', '"', '\n', '\u0001', '\ud800']) {
    const value = text.repeat(50)
    const bytes = Buffer.byteLength(JSON.stringify(value))
    assert.equal(jsonCopy(value, 'It', bytes), value)
    assert.throws(() => jsonCopy(value, 'It', bytes - 1), { code: 'json.too_large' })
  }
  const numbers = Array.from({ length: 1_000 }, () => 0)
  const bytes = JSON.stringify(numbers).length
  assert.equal((jsonCopy(numbers, 'It', bytes) as number[]).length, 1_000)
  assert.throws(() => jsonCopy(numbers, 'It', bytes - 1), { code: 'json.too_large' })
  const empty = Array.from({ length: 1_000 }, () => [''])
  assert.equal((jsonCopy(empty, 'It', JSON.stringify(empty).length) as unknown[]).length, 1_000)
})

test('equal values have equal hashes, whatever the order of their keys', () => {
  assert.equal(shortHash({ a: 1, b: [{ d: 2, c: 3 }] }), shortHash({ b: [{ c: 3, d: 2 }], a: 1 }))
  assert.notEqual(shortHash({ a: 1 }), shortHash({ a: '1' }))
  assert.notEqual(shortHash(['a', 'b']), shortHash(['ab']))
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      assert.equal(shortHash(a) === shortHash(b), sorted(a) === sorted(b))
    }),
  )
})

function sorted(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    item !== null && typeof item === 'object' && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  )
}
