import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { signCheckpoint } from './checkpoint.ts'
import { eventBytes, eventLeaf, type LeafEvent, privateHash } from '../../lib/event-leaf.ts'
import { erasureLines } from './erased.ts'
import { splitLines } from './export-lines.ts'
import { writeExport } from './export.ts'
import { Frontier } from './frontier.ts'
import { LedgerCheck, type LedgerRow } from './ledger-check.ts'
import { generateKey, parseSignerKey } from './note-key.ts'
import { signNote } from './note.ts'
import type { Report } from './problem.ts'
import { verifyExport } from './verify-export.ts'

// Fixed keys, so that a failing byte fails again.
const signer = parseSignerKey('PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz')
const vkey = signer.verifier.text
/** What escapes, what `readline` splits at, what a lenient decoder would repair. */
const AWKWARD = 'é "\\" \u001f \u2028 \ufffd 🦉 \r\n'

function rowOf(seq: number, part: Partial<LeafEvent> = {}, text: string | null = null): LedgerRow {
  const salt = text === null ? null : Buffer.alloc(16, seq + 1)
  const event: LeafEvent = {
    seq,
    key: `k${seq}`,
    kind: 'mail.received/1',
    stream: 'm_1',
    actor: 'input',
    cause: seq ? seq - 1 : null,
    at: 1_760_000_000_000 + seq,
    body: '{"n":1}',
    privateHash: salt && privateHash(salt, text!),
    ...part,
  }
  return { ...event, leaf: eventLeaf(event), private: text, salt }
}

const rows: readonly LedgerRow[] = [
  rowOf(0, { body: JSON.stringify({ awkward: AWKWARD }) }),
  rowOf(1, { key: null, cause: null }, JSON.stringify({ from: AWKWARD })),
  rowOf(2, { key: '\ud800' }, ''),
  rowOf(3, { body: '' }, '"x"'),
  rowOf(4),
]

function sealed(list: readonly LedgerRow[], by = signer): string {
  const frontier = new Frontier()
  for (const row of list) frontier.append(row.leaf)
  return signCheckpoint({ size: list.length, root: frontier.root() }, by)
}

async function fileOf(list: readonly LedgerRow[], redacted = false, by = signer): Promise<Buffer> {
  const chunks = writeExport({ rows: list, checkpoint: sealed(list, by), vkey: by.verifier.text, redacted })
  return Buffer.from((await Array.fromAsync(chunks)).join(''))
}

const verify = (file: Uint8Array): Promise<Report> => verifyExport(splitLines([file]), vkey)
const linesOf = async (redacted = false): Promise<string[]> =>
  (await fileOf(rows, redacted)).toString().trimEnd().split('\n')

/** The codes and events of a report that must not be ok. */
function found(report: Report): string[] {
  assert.equal(report.ok, false)
  return report.problems.map(({ seq, code }) => (seq === null ? code : `${seq} ${code}`))
}

test('an export verifies with nothing but the key', async () => {
  for (const redacted of [false, true]) {
    const report = await verify(await fileOf(rows, redacted))
    assert.ok(report.ok)
    assert.equal(report.size, 5)
    assert.equal(report.root, Buffer.from(report.checkpoint!.root).toString('base64'))
    assert.equal(report.checkpoint!.origin, 'PeterNeumann')
  }
  assert.equal((await fileOf(rows, true)).includes('from'), false)
  assert.ok((await verify(await fileOf([]))).ok)
})

test('no byte can change, and a changed event is named', async () => {
  for (const redacted of [false, true]) {
    const file = await fileOf(rows, redacted)
    let line = 0
    for (let i = 0; i < file.length; i++) {
      const seq = line - 1
      for (const mask of [0x01, 0x20, 0x80, file[i]! ^ 0x0a]) {
        if (mask === 0) continue
        const copy = Buffer.from(file)
        copy[i]! ^= mask
        const report = await verify(copy)
        const where = `byte ${i} of line ${line + 1} ^ ${mask}: ${JSON.stringify(report)}`
        assert.equal(report.ok, false, where)
        if (seq >= 0 && seq < rows.length)
          assert.ok(
            report.problems.some((one) => one.seq === seq),
            where,
          )
        for (const one of report.problems) assert.match(one.message, /\.$/)
      }
      if (file[i] === 0x0a) line++
    }
    assert.equal(line, rows.length + 2)
  }
})

test('bytes that are not UTF-8 are refused, even where a decoder would repair them to the right text', async () => {
  const hex = (await fileOf(rows)).toString('hex')
  const at = hex.indexOf('efbfbd')
  const file = Buffer.from(`${hex.slice(0, at)}ff${hex.slice(at + 6)}`, 'hex')
  assert.equal(file.toString(), (await fileOf(rows)).toString())
  assert.deepEqual(found(await verify(file)), ['0 ledger.bad_line'])
})

test('a file cut after any line, or anywhere else, is refused', async () => {
  const file = await fileOf(rows)
  for (let end = 0; end < file.length - 1; end++) found(await verify(file.subarray(0, end)))
  const lines = await linesOf()
  assert.deepEqual(found(await verifyExport([], vkey)), ['ledger.header'])
  for (let n = 1; n < lines.length; n++) {
    assert.deepEqual(found(await verifyExport(lines.slice(0, n), vkey)), ['ledger.truncated'])
  }
  assert.deepEqual(found(await verifyExport(lines.toSpliced(4, 2), vkey)), ['ledger.truncated'])
})

test('lines that are missing, repeated, moved or added are named', async () => {
  const lines = await linesOf()
  const check = async (changed: string[]): Promise<string[]> => found(await verifyExport(changed, vkey))
  assert.deepEqual(await check(lines.toSpliced(3, 1)), ['2 ledger.sequence_gap'])
  assert.deepEqual(await check(lines.toSpliced(3, 0, lines[3]!)), ['2 ledger.sequence_gap'])
  assert.deepEqual(await check(lines.toSpliced(3, 0, 'null')), ['2 ledger.bad_line'])
  assert.deepEqual(await check(lines.toSpliced(3, 1, '')), ['2 ledger.bad_line'])
  assert.deepEqual(await check([...lines, '']), ['ledger.bad_line'])
  assert.deepEqual(await check([...lines, lines.at(-1)!]), ['ledger.bad_line'])
  assert.deepEqual(await check([lines[0]!, ...lines]), ['0 ledger.bad_line'])
  for (let i = 0; i < lines.length; i++) {
    for (let j = i + 1; j < lines.length; j++) await check(lines.with(i, lines[j]!).with(j, lines[i]!))
  }
  assert.deepEqual(await check(lines.with(2, lines[3]!).with(3, lines[2]!)), [
    '1 ledger.sequence_gap',
    '1 ledger.sequence_gap',
  ])
})

test('an event whose number alone is changed is the only one named', async () => {
  const lines = await linesOf()
  assert.deepEqual(found(await verifyExport(lines.with(3, lines[3]!.replace('[2,', '[7,')), vkey)), [
    '2 ledger.leaf_mismatch',
  ])
})

test('an event replaced together with its leaf does not give the signed root', async () => {
  const forged = rows.with(3, rowOf(3, { body: '{"amount":1000000}' }))
  const lines = (await fileOf(forged)).toString().trimEnd().split('\n')
  const original = (await linesOf()).at(-1)!
  assert.deepEqual(found(await verifyExport(lines.with(-1, original), vkey)), ['ledger.root_mismatch'])
})

test('a forgery signed again with another key is refused, whatever its header says', async () => {
  const thief = parseSignerKey(generateKey('PeterNeumann').signerKey)
  const lines = (await fileOf(rows, false, thief)).toString().trimEnd().split('\n')
  assert.deepEqual(found(await verifyExport(lines, vkey)), ['ledger.header', 'ledger.bad_signature'])
  const header = (await linesOf())[0]!
  assert.deepEqual(found(await verifyExport(lines.with(0, header), vkey)), ['ledger.bad_signature'])
  await assert.rejects(verifyExport(lines, 'not a key'), { code: 'ledger.key_invalid' })
})

test('a checkpoint of another size, of another ledger, or that is none, is refused', async () => {
  const lines = await linesOf()
  const withNote = (note: string): string[] => lines.with(-1, JSON.stringify({ checkpoint: note }))
  assert.deepEqual(found(await verifyExport(withNote(sealed(rows.slice(0, 4))), vkey)), ['ledger.size_mismatch'])
  assert.deepEqual(found(await verifyExport(withNote(signNote('hello\n', signer)), vkey)), ['ledger.bad_signature'])
  const shorter = lines[0]!.replace('"size":5', '"size":4')
  const four = withNote(sealed(rows.slice(0, 4))).with(0, shorter)
  assert.deepEqual(found(await verifyExport(four, vkey)), ['ledger.size_mismatch'])
})

test('private parts are checked against their hash, and may be missing only where they were erased', async () => {
  const lines = await linesOf()
  const edit = (seq: number, at: number, value: unknown): string[] => {
    const fields = JSON.parse(lines[seq + 1]!) as unknown[]
    return lines.with(seq + 1, JSON.stringify(fields.with(at, value)))
  }
  const salt = Buffer.alloc(16, 2).toString('base64')
  assert.deepEqual(found(await verifyExport(edit(1, 10, 'other'), vkey)), ['1 ledger.private_mismatch'])
  assert.deepEqual(found(await verifyExport(edit(1, 11, null), vkey)), ['1 ledger.private_mismatch'])
  assert.deepEqual(found(await verifyExport(edit(1, 11, salt.slice(0, 8)), vkey)), ['1 ledger.private_mismatch'])
  assert.deepEqual(found(await verifyExport(edit(1, 10, null), vkey)), ['1 ledger.private_mismatch'])
  assert.deepEqual(found(await verifyExport(edit(0, 10, 'added'), vkey)), ['0 ledger.private_mismatch'])
  assert.deepEqual(found(await verifyExport(edit(1, 10, '\ud800'), vkey)), ['1 ledger.private_mismatch'])

  const erased = await fileOf(rows.with(1, { ...rows[1]!, private: null, salt: null }))
  assert.deepEqual(found(await verify(erased)), ['1 ledger.private_missing'])
})

test('what an erasure on record names may be missing, and nothing else', async () => {
  const gone = rows.with(1, { ...rows[1]!, private: null, salt: null })
  const erasure = (seq: number, body: string, kind = 'personal.erased@1') => rowOf(seq, { kind, body })
  const check = async (list: readonly LedgerRow[]) => verify(await fileOf(list))
  assert.ok((await check([...gone, erasure(5, '{"erased":[[1,1]]}')])).ok)
  assert.ok((await check([...gone, erasure(5, '{"erased":[[0,9007199254740991]]}')])).ok)
  for (const [body, kind] of [
    ['{"erased":[[2,3]]}'],
    ['{"erased":[1]}'],
    ['{"erased":[["1",1]]}'],
    ['{"erased":[[1.5,1]]}'],
    ['{"erased":1}'],
    ['null'],
    ['not JSON'],
    ['{"erased":[[1,1]]}', 'personal.kept@1'],
  ] as const)
    assert.deepEqual(found(await check([...gone, erasure(5, body, kind)])), ['1 ledger.private_missing'], body)
  // What goes on an erasure counts only with the erasure: the part with its report is what the operator is shown.
  const part = '{"erased":[[1,1]],"report":null}'
  assert.deepEqual(found(await check([...gone, erasure(5, part)])), ['1 ledger.private_missing'])
  const whole = erasure(5, '{"erased":[[2,2]],"report":{}}')
  assert.ok((await check([...gone, whole, erasure(6, part)])).ok)
  const apart = rowOf(6, { kind: 'personal.erased@1', body: part, stream: 'era_other' })
  assert.deepEqual(found(await check([...gone, whole, apart])), ['1 ledger.private_missing'])
  // What is told of them is what they covered, and they are told from what is redacted too.
  for (const redacted of [false, true]) {
    const list = [
      ...gone,
      erasure(5, '{"erased":[[1,1],[3,9007199254740991]]}'),
      erasure(6, '{"erased":[],"report":{}}'),
    ]
    const report = await verify(await fileOf(list, redacted))
    assert.ok(report.ok)
    const [first, second] = report.erasures
    assert.deepEqual(
      [first!.seq, first!.ranges, first!.events, second!.events],
      [
        5,
        [
          [1, 1],
          [3, 4],
        ],
        3,
        0,
      ],
    )
    const told = erasureLines(report.erasures)
    assert.equal(told[0], 'erased since: the private parts of 3 events, by 2 erasures on record')
    assert.match(told[2]!, /^ {2}event 5, .*, of 3 events: 1, 3-4$/)
  }
  const parts = await check([...gone, whole, erasure(6, part)])
  assert.ok(parts.ok && parts.erasures.length === 1)
  assert.deepEqual(parts.erasures[0]!.ranges, [
    [2, 2],
    [1, 1],
  ])
  assert.deepEqual(erasureLines([]), [])
  // One that stands before names nothing that comes after it.
  const early = [rows[0]!, erasure(1, '{"erased":[[2,4]]}'), { ...rowOf(2, {}, 'x'), private: null, salt: null }]
  assert.deepEqual(found(await check(early)), ['2 ledger.private_missing'])
  // One that was changed is no erasure.
  const forged = [...gone, { ...erasure(5, '{"erased":[[1,1]]}'), leaf: rowOf(5).leaf }]
  assert.deepEqual(found(await check(forged)).sort(), ['1 ledger.private_missing', '5 ledger.leaf_mismatch'])
})

test('an export is not written when its rows are not what its checkpoint covers', async () => {
  const write = (list: readonly LedgerRow[], checkpoint = sealed(rows), key = vkey): Promise<string[]> =>
    Array.fromAsync(writeExport({ rows: list, checkpoint, vkey: key, redacted: false }))
  for (const list of [rows.slice(0, 4), rows.slice(1), [...rows, rowOf(5)], rows.toSpliced(2, 1)]) {
    await assert.rejects(write(list), { code: 'ledger.export_incomplete' })
  }
  await assert.rejects(write(rows, sealed(rows), generateKey('x').verifierKey), { code: 'ledger.bad_signature' })
})

test('a check of stored rows reports as it goes, and takes several checkpoints', () => {
  const check = new LedgerCheck({ verifiers: [signer.verifier] })
  assert.deepEqual(check.checkpointAt(0, sealed([])), [])
  for (const row of rows.slice(0, 3)) assert.deepEqual(check.feed(row), [])
  assert.deepEqual(check.checkpointAt(3, sealed(rows.slice(0, 3))), [])
  assert.equal(check.checkpointAt(3, sealed(rows.slice(0, 2)))[0]!.code, 'ledger.size_mismatch')
  assert.equal(check.feed({ ...rows[3]!, leaf: Buffer.alloc(3) })[0]!.code, 'ledger.leaf_mismatch')
  assert.deepEqual(check.feed(rows[4]!), [])
  assert.deepEqual(check.checkpointAt(5, sealed(rows)), [])
  assert.deepEqual(found(check.result()), ['ledger.size_mismatch', '3 ledger.leaf_mismatch'])
})

test('events after the last checkpoint are hashed and left unsigned', () => {
  const check = new LedgerCheck({ verifiers: [signer.verifier] })
  for (const row of rows.slice(0, 3)) check.feed(row)
  check.checkpointAt(3, sealed(rows.slice(0, 3)))
  for (const row of rows.slice(3)) check.feed(row)
  const report = check.result()
  assert.ok(report.ok)
  assert.equal(report.size, 5)
  assert.equal(report.checkpoint!.size, 3)
})

test('a ledger that is wrong throughout gives a bounded report', () => {
  const check = new LedgerCheck({ verifiers: [signer.verifier] })
  for (let seq = 0; seq < 1_500; seq++) check.feed({ ...rowOf(seq), at: 1 })
  const report = check.result()
  assert.equal(report.ok, false)
  assert.equal(report.problems.length, 1_001)
  assert.match(report.problems.at(-1)!.message, /^500 more/)
})

test('lines come out the same however the bytes are cut', async () => {
  const file = await fileOf(rows)
  const expected = await linesOf()
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(file.length)), async (cuts) => {
      const edges = [0, ...cuts.sort((a, b) => a - b), file.length]
      const chunks = edges.slice(1).map((end, i) => file.subarray(edges[i], end))
      assert.deepEqual(await Array.fromAsync(splitLines(chunks)), expected)
    }),
  )
  assert.deepEqual(await Array.fromAsync(splitLines([Buffer.from('a\r\u2028b\n\nc')])), ['a\r\u2028b', '', 'c'])
  await assert.rejects(Array.fromAsync(splitLines(Array(40).fill(Buffer.alloc(1_048_576)))), {
    code: 'ledger.line_too_long',
  })
})

test('the bytes of an event are what the format says, and differ when a field does', () => {
  const event = { ...rowOf(7, { key: null, body: '{"a":"é"}' }) }
  const text = '["factotum/1",7,null,"mail.received/1","m_1","input",6,1760000000007,"{\\"a\\":\\"é\\"}",null]'
  assert.equal(eventBytes(event), text)
  assert.equal(eventLeaf(event).toString('hex'), '282c1a83d6df2fda3cf60ce44d0e1a7039fdcdf22107d200080c515d3d4a9243')
  assert.equal(privateHash(Buffer.alloc(16), ''), 'N0cI//dxndWXnsh11WzSKG9tPPfsMXo7JWMqqyjsN7s=')
  assert.throws(() => privateHash(Buffer.alloc(15), 'x'), { code: 'ledger.salt_invalid' })
  assert.throws(() => privateHash(Buffer.alloc(16), '\ud800'), { code: 'ledger.text_invalid' })
})
