import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { LIMITS } from './message.ts'
import { parseChecked } from './message.fixture.ts'
import { parseMail } from './parse.ts'

const mail = (head: string, body = 'Hello') =>
  `From: Ann <ann@one.example>\r\nDate: Mon, 5 Oct 2026 07:41:18 +0200\r\nMessage-ID: <m1@one.example>\r\n${head}\r\n\r\n${body}`
const has = (defects: string[], words: RegExp) =>
  assert.ok(
    defects.some((defect) => words.test(defect)),
    `${words} in ${defects.join(' ')}`,
  )

test('a plain mail has no defects and every field', async () => {
  const message = await parseChecked(
    mail(
      'To: Mara <MARA@Northlight.example>, b@two.example\r\nCc: Team: c@two.example, d@two.example;\r\nReply-To: desk@one.example\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nReferences: <r1@x.example>\r\n <r2@x.example>\r\nIn-Reply-To: <r2@x.example>',
      'Hello\r\n\r\n> quoted\r\n',
    ),
  )
  assert.deepEqual(message, {
    id: 'm1@one.example',
    from: 'ann@one.example',
    fromName: 'Ann',
    replyTo: 'desk@one.example',
    to: ['mara@northlight.example', 'b@two.example'],
    cc: ['c@two.example', 'd@two.example'],
    subject: 'Grüße',
    date: Date.UTC(2026, 9, 5, 5, 41, 18),
    text: 'Hello\n\n> quoted\n',
    references: ['r1@x.example', 'r2@x.example'],
    listId: null,
    autoSubmitted: false,
    attachments: [],
    size: message.size,
    defects: [],
  })
})

test('no bytes and too many bytes are refused with a code and what to do', async () => {
  await assert.rejects(parseMail(new Uint8Array()), { name: 'MailError', code: 'mail.empty' })
  await assert.rejects(parseMail(new Uint8Array(LIMITS.mail_bytes + 1)), {
    code: 'mail.too_large',
    message: /save its attachments/,
  })
})

test('a mail without a Message-ID gets the same id from the same bytes', async () => {
  const raw = 'From: a@one.example\n\nHi'
  const { id } = await parseChecked(raw)
  assert.equal(id, `sha256-${createHash('sha256').update(raw).digest('hex')}@factotum.invalid`)
  assert.notEqual((await parseChecked(`${raw}!`)).id, id)
})

const mended: [name: string, raw: string | Uint8Array, defect: RegExp, text: RegExp][] = [
  ['no header at all', 'just a line\nand one more', /no header/, /just a line\nand one more/],
  ['white space only', '\r\n \r\n', /no From|no header/i, /^\s*$/],
  [
    'no empty line before the body',
    'From: a@one.example\nSubject: x\nDear Mara, hello\nBye',
    /empty line between/,
    /^Dear Mara, hello\nBye/,
  ],
  ['an mbox line', 'From ann Mon Oct  5 07:41:18 2026\nFrom: a@one.example\n\nHi', /mbox/, /^Hi/],
  ['a byte order mark', '\ufeffFrom: a@one.example\n\nHi', /byte order mark/, /^Hi/],
  ['empty lines before the header', '\n\r\nFrom: a@one.example\n\nHi', /Empty lines/, /^Hi/],
  ['lone CR line ends', 'From: a@one.example\rSubject: x\r\rHi\rthere', /lone CR/, /^Hi\nthere/],
  [
    'a header without end',
    `${mail('X-Long: ')}`.replace('X-Long: ', `X-Long: ${'y'.repeat(400_000)}`),
    /256 KiB/,
    /^Hello/,
  ],
  ['8-bit header bytes', Buffer.from(mail('Subject: Gr\xfc\xdfe'), 'latin1'), /8-bit/, /^Hello/],
  [
    'text that is not the UTF-8 it says',
    Buffer.from(mail('Content-Type: text/plain; charset=utf-8', 'Gr\xfc\xdfe'), 'latin1'),
    /not valid UTF-8/,
    /^Grüße/,
  ],
  [
    'an unknown charset',
    mail('Content-Type: text/plain; charset=klingon', 'Hi'),
    /charset of the text is unknown/,
    /^Hi/,
  ],
  [
    'a boundary that never comes',
    mail('Content-Type: multipart/mixed; boundary=A', '--B\n\nHi\n--B--'),
    /boundary between/,
    /Hi/,
  ],
  ['no boundary at all', mail('Content-Type: multipart/mixed', 'Hi'), /boundary between/, /^Hi/],
  [
    'a missing closing boundary',
    mail('Content-Type: multipart/mixed; boundary=A', '--A\n\nHi\n'),
    /closing boundary/,
    /^Hi/,
  ],
  ['truncated base64', mail('Content-Transfer-Encoding: base64', 'SGVsbG8gTWFyY'), /base64/, /^Hello Mar/],
  ['two senders', mail('From: eve@evil.example'), /2 From fields/, /^Hello/],
]
for (const [name, raw, defect, text] of mended) {
  test(`${name} is mended and named`, async () => {
    const message = await parseChecked(raw)
    has(message.defects, defect)
    assert.match(message.text, text)
  })
}

test('an address that only looks like a known one never becomes it', async () => {
  for (const from of [
    'mara\u200b@northlight.example',
    'mar\u0000a@north light.example',
    'mara@northlight.example\u202e',
    'mara@northlight.example@evil.example',
    'mar\u212a@k.example',
    'no address',
  ]) {
    const message = await parseChecked(`From: Mara <${from}>\nMessage-ID: <a@b>\n\nHi`)
    assert.notEqual(message.from, 'mara@northlight.example')
    assert.notEqual(message.from, 'mark@k.example')
  }
})

test('an encoded line break in a header stays one line', async () => {
  const message = await parseChecked(
    mail('Subject: =?utf-8?Q?a=0D=0ABcc:_x?=\nReply-To: =?utf-8?Q?a=0D=0ABcc:_x?= <r@one.example>'),
  )
  assert.equal(message.subject, 'a Bcc: x')
  assert.equal(message.replyTo, 'r@one.example')
  has(message.defects, /line breaks/)
})

test('of alternatives the plain text is read, or the HTML where it is blank, and files next to them are kept', async () => {
  const both = (plain: string) =>
    mail(
      'Content-Type: multipart/mixed; boundary=o',
      [
        '--o\r\nContent-Type: multipart/alternative; boundary=i\r\n',
        `--i\r\n\r\n${plain}`,
        '--i\r\nContent-Type: text/html\r\n\r\n<p>Rich</p>\r\n--i--',
        '--o\r\nContent-Disposition: attachment; filename=a.bin\r\n\r\na\r\nb\r\n--o--\r\n',
      ].join('\r\n'),
    )
  assert.equal((await parseChecked(both('Plain'))).text, 'Plain')
  const blank = await parseChecked(both(' '))
  assert.equal(blank.text, 'Rich')
  assert.deepEqual([blank.attachments[0]?.size, blank.defects], [4, []])
})

test('programs are told from people', async () => {
  const auto = [
    'Auto-Submitted: auto-replied',
    'Precedence: BULK',
    'Precedence: list',
    'Return-Path: <>',
    'Content-Type: multipart/report; boundary=x',
  ]
  for (const head of auto) assert.equal((await parseChecked(mail(head))).autoSubmitted, true, head)
  for (const head of ['Auto-Submitted: no', 'Precedence: first-class', 'Return-Path: <a@b.example>']) {
    assert.equal((await parseChecked(mail(head))).autoSubmitted, false, head)
  }
})

test('dates are read as RFC 5322 says, its obsolete forms too, and nonsense is null', async () => {
  const dates: [string, number | null][] = [
    ['Mon, 5 Oct 2026 07:41:18 +0200', Date.UTC(2026, 9, 5, 5, 41, 18)],
    ['5 Oct 26 07:41 EST (winter)', Date.UTC(2026, 9, 5, 12, 41)],
    ['Thu, 22 Aug 2002 18:26:25 +0700', Date.UTC(2002, 7, 22, 11, 26, 25)],
    ['Mon, 5 Oct 99 07:41:18 GMT', Date.UTC(1999, 9, 5, 7, 41, 18)],
    ['31 Feb 2026 10:00:00 +0000', null],
    ['5 Oct 2026 25:00:00 +0000', null],
    ['yesterday', null],
    ['7', null],
    ['', null],
  ]
  for (const [value, at] of dates) {
    const { date } = await parseChecked(`From: a@one.example\nDate: ${value}\n\nHi`)
    assert.equal(date, at, value)
  }
})

test('limits cut and say so', async () => {
  const many = Array.from({ length: 300 }, (_, i) => `u${i}@one.example`)
  const message = await parseChecked(
    mail(
      `Subject: ${'😀'.repeat(2_000)}\nTo: ${many.join(',\n ')}\nReferences: ${many.map((id) => `<${id}>`).join('\n ')}\nReply-To: ${'x'.repeat(400)}@one.example`,
      'é'.repeat(300_000),
    ),
  )
  assert.equal(message.text.length, LIMITS.text)
  assert.equal(message.subject.length, LIMITS.subject)
  assert.equal(message.to.length, LIMITS.addresses)
  assert.deepEqual(
    [message.references.length, message.references[0], message.references.at(-1)],
    [200, 'u0@one.example', 'u299@one.example'],
  )
  assert.equal(message.replyTo, 'ann@one.example')
  for (const words of [/subject was cut/, /text was cut/, /addresses in To/, /references/, /Reply-To are not/])
    has(message.defects, words)
})

test('attachments are named without folders, typed, hashed, and limited in number', async () => {
  const part = (name: string) =>
    `--A\nContent-Type: APPLICATION/PDF\nContent-Disposition: attachment; filename="${name}"\nContent-Transfer-Encoding: base64\n\nc2FtZQ==\n`
  const named = await parseChecked(
    mail(
      'Content-Type: multipart/mixed; boundary=A',
      `${part('../../etc/a.pdf')}${part('..')}${part('C:\\\\x\\\\b.pdf')}--A--`,
    ),
  )
  assert.deepEqual(
    named.attachments.map((info) => info.name),
    ['a.pdf', 'attachment-2', 'b.pdf'],
  )
  assert.deepEqual(named.attachments[0], {
    name: 'a.pdf',
    type: 'application/pdf',
    size: 4,
    sha256: createHash('sha256').update('same').digest('hex'),
  })
  const many = await parseChecked(mail('Content-Type: multipart/mixed; boundary=A', `${part('x').repeat(300)}--A--`))
  assert.equal(many.attachments.length, LIMITS.attachments)
  has(many.defects, /300 attachments/)
})

const nested = (depth: number) =>
  Array.from({ length: depth }, (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\n\n--b${i}\n`).join('') +
  '\nHi'

const hostile: [name: string, raw: () => string | Uint8Array][] = [
  ['a megabyte of marks on one letter', () => mail('', 'a' + '\u0301\u0327'.repeat(250e3))],
  [
    'links that never close, beside text,',
    () =>
      mail(
        'Content-Type: multipart/mixed; boundary=b',
        `--b\n\nHi\n--b\nContent-Type: text/html\n\n${'<a href=x '.repeat(2e6)}`,
      ),
  ],
  ['a megabyte of <', () => mail('Content-Type: text/html', '<'.repeat(1e6))],
  ['a megabyte of <!--', () => mail('Content-Type: text/html', '<!--'.repeat(25e4))],
  ['a megabyte of open tags', () => mail('Content-Type: text/html', '<a href='.repeat(125e3))],
  ['a megabyte of scripts', () => mail('Content-Type: text/html', '<script>'.repeat(125e3))],
  ['a megabyte of entities', () => mail('Content-Type: text/html', '&#x'.repeat(333e3))],
  ['a megabyte of blanks between tags', () => mail('Content-Type: text/html', '<b> </b>'.repeat(125e3))],
  [
    'HTML beside text',
    () =>
      mail(
        'Content-Type: multipart/mixed; boundary=b',
        `--b\n\nHi\n--b\nContent-Type: text/html\n\n${'<'.repeat(1e6)}\n--b--`,
      ),
  ],
  ['nothing but line ends', () => Buffer.concat([Buffer.from(mail('', '')), Buffer.alloc(20e6, 10)])],
  [
    'a part of nothing but line ends',
    () =>
      Buffer.concat([
        Buffer.from(mail('Content-Type: multipart/mixed; boundary=b', '--b\n\n')),
        Buffer.alloc(20e6, 10),
      ]),
  ],
  ['a million parts', () => mail('Content-Type: multipart/mixed; boundary=b', '--b\n\n'.repeat(1e6))],
  ['300 levels of parts', () => mail('').replace('\r\n\r\n', `\r\n${nested(300)}`)],
  ['300 levels of mails', () => 'Content-Type: message/rfc822\n\n'.repeat(300)],
  ['a header of encoded words', () => mail(`Subject: ${'=?utf-8?B?w6Q=?= '.repeat(15e3)}`)],
  ['a header of broken encoded words', () => mail(`Subject: ${'=?utf-8?Q?=C3'.repeat(18e3)}`)],
  ['a header of groups', () => mail(`To: ${'a:'.repeat(12e4)}`)],
  ['a header of comments', () => mail(`To: ${'('.repeat(24e4)}`)],
  ['a header of quotes and brackets', () => mail(`Cc: ${'"@<,'.repeat(6e4)}`)],
  ['a header of parameters', () => mail(`Content-Type: text/plain;${'a*0*=b;'.repeat(3e4)}`)],
  ['a header of blanks', () => mail(`Date: ${' '.repeat(25e4)}x\nList-Id: ${'<'.repeat(1e3)}`)],
  ['a header of folds', () => mail(`References: ${'\n <a@b>'.repeat(3e4)}`)],
]
for (const [name, raw] of hostile) {
  test(`${name} is read`, { timeout: 60_000 }, async () => {
    await parseChecked(raw())
  })
}

const token = fc.constantFrom(
  'From: a@one.example',
  'Subject: x',
  'Content-Type: multipart/mixed; boundary=b',
  'Content-Type: text/html; charset=',
  'Content-Transfer-Encoding: base64',
  'Content-Transfer-Encoding: quoted-printable',
  'Content-Type: message/rfc822',
  '--b',
  '--b--',
  '\r\n',
  '\n',
  '\n\n',
  '\r',
  '\0',
  ' ',
  '=?utf-8?Q?=ff?=',
  '<b>',
  '&amp;',
  '=\n',
  'SGk=',
  ':',
  '<',
  '>',
  '"',
  '\u202e',
  '\ud800',
  'é',
)

test('any bytes give a message within its limits', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 400 }),
      async (bytes) => void (await parseChecked(bytes)),
    ),
    { numRuns: 300 },
  )
})

test('any mixture of the pieces of mails gives a message within its limits', async () => {
  const mixture = fc.array(fc.oneof({ weight: 4, arbitrary: token }, fc.string({ unit: 'binary', maxLength: 8 })), {
    minLength: 1,
    maxLength: 40,
  })
  await fc.assert(
    fc.asyncProperty(mixture, async (parts) => void (await parseChecked(` ${parts.join('')}`.slice(1) || ' '))),
    { numRuns: 1_000 },
  )
})
