import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeCheckpoint, openCheckpoint, parseCheckpoint, signCheckpoint } from './checkpoint.ts'
import { leafHash } from './merkle.ts'
import { generateKey, parseSignerKey, parseVerifierKey } from './note-key.ts'
import { openNote, signNote } from './note.ts'

// The example of golang.org/x/mod/sumdb/note.
const VKEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
const SKEY = 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz'
const TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
const NOTE = `${TEXT}
— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`
const peter = parseVerifierKey(VKEY)
const enoch = generateKey('EnochRoot')

test("the example of Go's note package is signed and opened", () => {
  assert.equal(signNote(TEXT, parseSignerKey(SKEY)), NOTE)
  assert.equal(parseSignerKey(SKEY).verifier.text, VKEY)
  assert.deepEqual(openNote(NOTE, [peter]), { text: TEXT, signedBy: [peter] })
})

test('new keys come back from their text and sign', () => {
  const signer = parseSignerKey(enoch.signerKey)
  assert.equal(signer.verifier.text, enoch.verifierKey)
  const note = signNote('a\n\nb\n', signer)
  assert.equal(openNote(note, [peter, parseVerifierKey(enoch.verifierKey)]).text, 'a\n\nb\n')
  for (const name of ['', 'a b', 'a+b', 'a\u2003b', 'a\u0085b', 'a\nb', 'a\u0001b', '\ud800']) {
    assert.throws(() => generateKey(name), { code: 'ledger.key_invalid' }, JSON.stringify(name))
  }
})

test('a key with any character changed is refused', () => {
  for (const [key, parse] of [
    [VKEY, parseVerifierKey],
    [SKEY, parseSignerKey],
  ] as const) {
    for (let i = 0; i < key.length; i++) {
      for (const change of ['', 'A', '+', '\n', key[i]! + key[i]!]) {
        if (change === key[i]) continue
        assert.throws(() => parse(key.slice(0, i) + change + key.slice(i + 1)), { code: 'ledger.key_invalid' })
      }
    }
  }
  assert.throws(() => parseVerifierKey(SKEY), /private/)
})

test('signatures of unknown keys are ignored, wherever they stand', () => {
  const other = signNote(TEXT, parseSignerKey(enoch.signerKey)).slice(TEXT.length + 1)
  const [head, own] = [`${TEXT}\n`, NOTE.slice(TEXT.length + 1)]
  assert.deepEqual(openNote(head + other + own, [peter]).signedBy, [peter])
  assert.deepEqual(openNote(head + own + other, [peter]).signedBy, [peter])
  const both = openNote(head + own + other, [parseVerifierKey(enoch.verifierKey), peter])
  assert.equal(both.signedBy.length, 2)
  assert.throws(() => openNote(head + other, [peter]), { code: 'ledger.bad_signature' })
  assert.throws(() => openNote(NOTE, []), { code: 'ledger.bad_signature' })
})

test("a trusted key's signature that does not verify spoils the note", () => {
  const other = signNote('another text\n', parseSignerKey(enoch.signerKey)).split('\n\n')[1]!
  assert.throws(() => openNote(NOTE + other, [peter, parseVerifierKey(enoch.verifierKey)]), {
    code: 'ledger.bad_signature',
  })
})

test('what is not exactly a note is refused', () => {
  const own = NOTE.slice(TEXT.length + 1)
  const bad = [
    '',
    '\n',
    '\n\n',
    TEXT,
    `${TEXT}\n`,
    NOTE.slice(0, -1),
    `${NOTE}\n`,
    `${TEXT}${own}`,
    `${NOTE}x\n`,
    NOTE.replace('— ', '- '),
    NOTE.replace('— ', '—'),
    NOTE.replace('PeterNeumann ', 'PeterNeumann  '),
    NOTE.replace('AM=', 'AM'),
    NOTE.replace('AM=', 'AN='),
    NOTE.replace('AM=\n', 'AM= \n'),
    NOTE.replace('/Z', '_Z'),
    NOTE.replaceAll('\n', '\r\n'),
    NOTE.replace('If', 'I\tf'),
    NOTE.replace('If', '\ud800'),
    `${TEXT}\n— PeterNeumann x08gow==\n`,
    `x${'\n'.repeat(1_000_000)}${own}`,
    NOTE + own.repeat(100),
  ]
  for (const note of bad) {
    assert.throws(() => openNote(note, [peter]), { code: 'ledger.note_malformed' }, JSON.stringify(note.slice(0, 200)))
  }
  for (const text of ['', 'x', 'a\tb\n', '\udfff\n']) {
    assert.throws(() => signNote(text, parseSignerKey(SKEY)), { code: 'ledger.note_malformed' })
  }
})

test('no bit of a note can change', () => {
  const original = Buffer.from(NOTE)
  for (let i = 0; i < original.length; i++) {
    for (let bit = 0; bit < 8; bit++) {
      const copy = Buffer.from(original)
      copy[i]! ^= 1 << bit
      assert.throws(() => openNote(copy.toString(), [peter]), { name: 'FactotumError' })
    }
  }
})

test('checkpoints come back as they were, and in one spelling only', () => {
  const line = fc.string({ unit: 'grapheme', minLength: 1 }).filter((s) => !s.includes('\n'))
  fc.assert(
    fc.property(line, fc.maxSafeNat(), fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.array(line), (...parts) => {
      const [origin, size, hash, extensions] = parts
      const checkpoint = { origin, size, root: Buffer.from(hash), extensions }
      assert.deepEqual(parseCheckpoint(encodeCheckpoint(checkpoint)), checkpoint)
    }),
  )
  const root = 'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I='
  const text = `example.com/behind-the-sofa\n20852163\n${root}\n`
  assert.equal(encodeCheckpoint(parseCheckpoint(text)), text)
  const bad = [
    '',
    '\n',
    `o\n1\n${root}`,
    `\n1\n${root}\n`,
    `o\n01\n${root}\n`,
    `o\n-1\n${root}\n`,
    `o\n+1\n${root}\n`,
    `o\n\n${root}\n`,
    `o\n1e3\n${root}\n`,
    `o\n9007199254740992\n${root}\n`,
    `o\n1\n${root.slice(0, -1)}\n`,
    'o\n1\nAAAA\n',
    `o\n1\n${root}\n\n`,
    `o\n1\n${root}\next\n\n`,
    `o\n1 \n${root}\n`,
  ]
  for (const one of bad) assert.throws(() => parseCheckpoint(one), { code: 'ledger.checkpoint_malformed' }, one)
  const good = { origin: 'o', size: 1, root: leafHash('') }
  for (const part of [
    { origin: '' },
    { origin: 'a\nb' },
    { size: -1 },
    { root: Buffer.alloc(31) },
    { extensions: [''] },
  ]) {
    assert.throws(() => encodeCheckpoint({ ...good, ...part }), { code: 'ledger.checkpoint_malformed' })
  }
})

test('a signed checkpoint is of the ledger that its key names', () => {
  const signer = parseSignerKey(enoch.signerKey)
  const root = leafHash('x')
  const opened = openCheckpoint(signCheckpoint({ size: 7, root }, signer), [signer.verifier])
  assert.deepEqual(opened, { origin: 'EnochRoot', size: 7, root, extensions: [] })
  const foreign = signNote(encodeCheckpoint({ origin: 'another', size: 7, root }), signer)
  assert.throws(() => openCheckpoint(foreign, [signer.verifier]), { code: 'ledger.bad_signature' })
})
