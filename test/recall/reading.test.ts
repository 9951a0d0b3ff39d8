import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pdfText } from '../../src/context/documents/pdf.ts'
import { mediaTypeOf, readDocument } from '../../src/context/documents/reading.ts'
import { splitText } from '../../src/context/recall/split.ts'
import { testCompany } from '../../src/testing.ts'

/** A PDF of one page that says `text`, with a right table of offsets. */
function pdf(text: string, pages = 1): Buffer {
  const stream = `BT /F1 12 Tf 72 720 Td (${text}) Tj ET`
  const kids = Array.from({ length: pages }, () => '3 0 R').join(' ')
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Kids [${kids}] /Count ${pages} >>`,
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ]
  let out = '%PDF-1.4\n'
  const offsets = objects.map((body, i) => {
    const at = out.length
    out += `${i + 1} 0 obj\n${body}\nendobj\n`
    return at
  })
  const xref = out.length
  out += `xref\n0 6\n0000000000 65535 f \n${offsets.map((o) => `${String(o).padStart(10, '0')} 00000 n \n`).join('')}`
  return Buffer.from(`${out}trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n${xref}\n%%EOF\n`, 'latin1')
}

test('a PDF is read, kept with its bytes, and recalled as from outside', async () => {
  await using company = await testCompany()
  const folder = await mkdtemp(join(tmpdir(), 'factotum-pdf-'))
  try {
    const path = join(folder, 'terms.pdf')
    await writeFile(path, pdf('Parcels are insured up to ninety euros.'))
    const kept = await company.ask('remember', { path })
    assert.deepEqual([kept.mediaType, kept.trust, kept.title], ['application/pdf', 'outsider', 'terms.pdf'])
    const found = await company.ask('recall', { query: 'are parcels insured' })
    assert.deepEqual(
      found.passages.map((p) => p.text),
      ['Parcels are insured up to ninety euros.'],
    )
    const blobs = await company.open.store.engine.queryText('select size from blob', [])
    assert.equal(blobs.length, 1)
    await company.check()
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('a broken, endless or hostile PDF is a clear error, and the process goes on', async () => {
  for (const bytes of [
    Buffer.from('%PDF-1.7\nnothing of a PDF'),
    pdf('cut off').subarray(0, 120),
    Buffer.concat([Buffer.from('%PDF-1.4\n'), Buffer.alloc(200_000, '<<[(')]),
  ])
    await assert.rejects(pdfText(bytes), { code: 'document.unreadable' })
  const limits = { pages: 3, characters: 1_000, ms: 60_000 }
  await assert.rejects(pdfText(pdf('many', 4), limits), { code: 'document.unreadable', message: /4 pages/ })
  await assert.rejects(pdfText(pdf('x'.repeat(50)), { ...limits, characters: 10 }), {
    code: 'document.unreadable',
    message: /10 characters/,
  })
  await assert.rejects(pdfText(pdf('slow'), { ...limits, ms: 1 }), { code: 'document.unreadable', message: /to read/ })
  await assert.rejects(readDocument(pdf(''), 'application/pdf'), { code: 'document.empty' })
})

test('HTML is read as a person would: no scripts, no styles, no hidden characters', async () => {
  const html = `<!doctype html><html><head><title>Delivery &amp; returns</title><style>p{}</style><script>alert("x")</script></head>
    <body><h1>Delivery</h1><p>Within <b>three</b> days.\u200b\u202e</p><!-- secret --><svg><text>drawn</text></svg></body></html>`
  assert.equal(mediaTypeOf(Buffer.from(html), 'page'), 'text/html')
  assert.deepEqual(await readDocument(Buffer.from(html), 'text/html'), {
    text: 'Delivery\n\nWithin three days.',
    title: 'Delivery & returns',
  })
  const began = process.cpuUsage().user
  await readDocument(Buffer.from(`<p>a${'<'.repeat(500_000)}${'<script>'.repeat(50_000)}`), 'text/html')
  assert.ok(process.cpuUsage().user - began < 20_000_000, 'linear work')
})

test('what is not text is refused', async () => {
  await assert.rejects(readDocument(Buffer.from([0xff, 0xfe, 0x41, 0]), 'text/plain'), { code: 'document.unreadable' })
  await assert.rejects(readDocument(Buffer.from('a\0b'), 'text/plain'), { code: 'document.unreadable' })
  await assert.rejects(readDocument(Buffer.from(' \n '), 'text/plain'), { code: 'document.empty' })
  await assert.rejects(readDocument(Buffer.alloc(1_000_001, 'a'), 'text/plain'), { code: 'document.too_large' })
})

test('Markdown is split at its headings, and each passage knows where it stands', () => {
  const text =
    '# Shop\n\nOpen daily.\n\n## Prices\n\nTea: 3.\n\nCake: 4.\n\n```\n# no heading\n```\n\n## Way\n\nBy tram.'
  const spans = splitText(text, 'markdown')
  assert.deepEqual(
    spans.map((s) => [s.headings.join('/'), text.slice(s.start, s.end)]),
    [
      ['Shop', 'Open daily.'],
      ['Shop/Prices', 'Tea: 3.\n\nCake: 4.\n\n```\n# no heading\n```'],
      ['Shop/Way', 'By tram.'],
    ],
  )
})

test('every text is split into pieces in order that hold all of its words', () => {
  for (const text of [
    '',
    ' ',
    'a',
    'word '.repeat(2_000),
    'x'.repeat(5_000),
    '\u{1f600}'.repeat(3_000),
    'a\n\n\n\nb',
  ]) {
    const spans = splitText(text, 'plain')
    let at = 0
    for (const { start, end } of spans) {
      assert.ok(start >= at && end > start && end - start <= 1_200)
      assert.equal(text.slice(at, start).trim(), '')
      assert.ok(text.slice(start, end).isWellFormed())
      at = end
    }
    assert.equal(text.slice(at).trim(), '')
  }
})
