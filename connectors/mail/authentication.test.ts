import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { authenticationResults } from './authentication.ts'
import { incomingMail } from './ingest.ts'
import { mail } from './index.ts'

const MX = 'mx.northlight.example'
const FROM = 'From: Ada Roth <ada@customer.example>'
const PASS = `Authentication-Results: ${MX}; dmarc=pass header.from=customer.example`

/** The label of a mail with these header lines, as the server named `MX` has delivered it. */
async function label(lines: readonly (string | Buffer)[], server = MX): Promise<string> {
  const head = lines.map((line) => Buffer.concat([Buffer.from(line), Buffer.from('\r\n')]))
  const raw = Buffer.concat([...head, Buffer.from('\r\nHello')])
  return (await incomingMail('test', raw, server)).trust
}

const BELIEVED: readonly [what: string, lines: readonly string[]][] = [
  ['DMARC passed', [PASS, FROM]],
  [
    'the field stands below what delivery adds',
    ['Return-Path: <ada@customer.example>', 'Received: by lmtp; now', PASS, FROM],
  ],
  [
    'names in other cases',
    [`AUTHENTICATION-RESULTS: MX.NorthLight.Example; DMARC=Pass Header.From=CUSTOMER.example`, FROM],
  ],
  [
    'comments, folds, a version and blanks where they may be',
    [
      `Authentication-Results: (by (the) \\) gate)\r\n ${MX} 1 (v);\r\n\tdmarc / 1 = pass (p=none\r\n dis=none) header.from = customer.example (ok)`,
      FROM,
    ],
  ],
  [
    'other results around it, quoted or as servers write them',
    [
      `Authentication-Results: ${MX};\r\n spf=fail reason="it; dmarc=fail" smtp.mailfrom="a; b"@bounce.example;\r\n dkim=pass header.d=relay.example header.s=s1 header.b=Ab/3+x==;\r\n dmarc=pass policy.published-domain-policy=none header.from=customer.example`,
      FROM,
    ],
  ],
  ['a quoted server name', [`Authentication-Results: "${MX}"; dmarc=pass header.from=customer.example`, FROM]],
  [
    'no DMARC, a signature of the same domain',
    [`Authentication-Results: ${MX}; dkim=pass header.d=customer.example`, FROM],
  ],
  [
    'one signature of several',
    [`Authentication-Results: ${MX}; dkim=fail header.d=customer.example; dkim=pass header.d=customer.example`, FROM],
  ],
  ['a bare address', [PASS, 'From: ada@customer.example']],
  ['a quoted name with everything in it', [PASS, 'From: "Roth, Ada <eve@evil.example>" <ada@customer.example>']],
  ['a name in other letters', [PASS, 'From: =?utf-8?Q?Ad=C3=A4_Roth?= <ada@customer.example>']],
  ['answers to another address of the same domain', [PASS, FROM, 'Reply-To: desk@customer.example']],
  [
    'what others wrote below',
    [PASS, 'Authentication-Results: other.example; dmarc=fail header.from=customer.example', FROM],
  ],
]

for (const [what, lines] of BELIEVED)
  void test(`verified: ${what}`, async () => {
    assert.equal(await label(lines), 'verified')
    assert.equal(await label(lines, 'mx.other.example'), 'outsider')
  })

const field = (value: string, ...more: string[]): string[] => [`Authentication-Results: ${value}`, ...more, FROM]
const dmarc = 'dmarc=pass header.from=customer.example'

const REFUSED: readonly [what: string, lines: readonly (string | Buffer)[]][] = [
  ['no field at all', [FROM]],
  ['DMARC failed', field(`${MX}; dmarc=fail header.from=customer.example`)],
  ['DMARC found no policy', field(`${MX}; dmarc=none header.from=customer.example`)],
  ['DMARC could not be looked up', field(`${MX}; dmarc=temperror header.from=customer.example`)],
  [
    'DMARC failed and a signature passed',
    field(`${MX}; dkim=pass header.d=customer.example; dmarc=fail header.from=customer.example`),
  ],
  ['only SPF', field(`${MX}; spf=pass smtp.mailfrom=ada@customer.example`)],
  ['nothing was done', field(`${MX}; none`)],
  ['nothing is said', field(MX)],
  ['another server says so', field(`mx.evil.example; ${dmarc}`)],
  ['a server whose name only begins like it', field(`${MX}.evil.example; ${dmarc}`)],
  ['a server whose name only ends like it', field(`evil.${MX}; ${dmarc}`)],
  ['its name stands in a comment', field(`evil.example (${MX}); ${dmarc}`)],
  ['its name comes second', field(`evil.example ${MX}; ${dmarc}`)],
  ['forged below the real one', field(`${MX}; dmarc=fail header.from=customer.example`, PASS)],
  ['forged below one of another server', field(`other.example; spf=pass smtp.mailfrom=x@y.example`, PASS)],
  ['forged below one that cannot be read', field(`${MX}; dmarc=`, PASS)],
  ['a field of nearly that name', [PASS.replace('Authentication', 'X-Authentication'), FROM]],
  ['the ARC field', [PASS.replace('Authentication', 'ARC-Authentication'), FROM]],
  ['a blank before the colon, which filters may not know', [PASS.replace(':', ' :'), FROM]],
  ['another domain passed', field(`${MX}; dmarc=pass header.from=evil.example`)],
  ['a domain below it passed', field(`${MX}; dmarc=pass header.from=mail.customer.example`)],
  ['a domain that only ends like it', field(`${MX}; dmarc=pass header.from=evilcustomer.example`)],
  ['it does not say which domain passed', field(`${MX}; dmarc=pass`)],
  ['it says it of two domains', field(`${MX}; ${dmarc} header.from=evil.example`)],
  ['two results of DMARC', field(`${MX}; ${dmarc}; dmarc=fail header.from=customer.example`)],
  ['the same result twice', field(`${MX}; ${dmarc}; ${dmarc}`)],
  ['a signature of another domain', field(`${MX}; dkim=pass header.d=evil.example`)],
  ['a signature of the domain above', field(`${MX}; dkim=pass header.d=example`)],
  ['a signature that only says whose it is', field(`${MX}; dkim=pass header.i=@customer.example`)],
  ['a result in a comment', field(`${MX}; spf=pass (; ${dmarc} ) smtp.mailfrom=a@b.example`)],
  ['a result in quotes', field(`${MX}; spf=pass smtp.mailfrom="x; ${dmarc}"`)],
  ['a reason that says so', field(`${MX}; spf=fail reason="; ${dmarc}"`)],
  ['a domain in a comment', field(`${MX}; dmarc=pass (header.from=customer.example)`)],
  ['a comment that never ends', field(`${MX}; ${dmarc} (it`)],
  ['a comment that ends too often', field(`${MX}; ${dmarc} it)`)],
  ['a comment that ends in a backslash', field(`${MX}; ${dmarc} (it\\`)],
  ['a quotation that never ends', field(`${MX}; ${dmarc} reason="it`)],
  ['a version that nobody knows', field(`${MX} 2; ${dmarc}`)],
  ['a version of the method that nobody knows', field(`${MX}; dmarc/2=pass header.from=customer.example`)],
  ['a result that begins like pass', field(`${MX}; dmarc=passed header.from=customer.example`)],
  ['a result that is not apart', field(`${MX}; dmarc=pass;header.from=customer.example`)],
  ['nothing between result and property', field(`${MX}; dmarc=pass"x"header.from=customer.example`)],
  ['a result that ends in a hyphen', field(`${MX}; dmarc=pass-.x=1 header.from=customer.example`)],
  ['no semicolon', field(`${MX} ${dmarc}`)],
  ['a comma for a semicolon', field(`${MX}, ${dmarc}`)],
  ['two semicolons', field(`${MX};; ${dmarc}`)],
  ['letters that only look like it', field(`mх.northlight.example; ${dmarc}`)],
  ['a blank that is none', field(`${MX};\u00a0${dmarc}`)],
  ['a control character', field(`${MX}; dmarc=pass\u000b header.from=customer.example`)],
  ['two From fields', [PASS, FROM, 'From: Eve <eve@evil.example>']],
  ['two From fields that agree', [PASS, FROM, FROM]],
  ['no From field', [PASS, 'Sender: ada@customer.example']],
  ['two addresses in From', [PASS, 'From: ada@customer.example, eve@evil.example']],
  ['two addresses in angle brackets', [PASS, 'From: <eve@evil.example> <ada@customer.example>']],
  ['an address before the address', [PASS, 'From: eve@evil.example <ada@customer.example>']],
  ['a group', [PASS, 'From: us: ada@customer.example;']],
  ['a comment in From', [PASS, 'From: ada@customer.example (eve@evil.example)']],
  ['a comment in the address', [PASS, 'From: <ada@customer.example(.evil.example)>']],
  ['a route', [PASS, 'From: <@evil.example:ada@customer.example>']],
  ['a quoted local part', [PASS, 'From: <"ada@evil.example"@customer.example>']],
  ['two at signs', [PASS, 'From: <eve@evil.example@customer.example>']],
  ['a domain literal', [PASS.replace('customer.example', '[192.0.2.1]'), 'From: <ada@[192.0.2.1]>']],
  ['a domain in other letters', [PASS, 'From: <ada@customer.exаmple>']],
  ['From with a blank before its colon', [PASS, FROM.replace(':', ' :')]],
  ['answers that go elsewhere', [PASS, FROM, 'Reply-To: ada@evil.example']],
  ['a header that had to be mended', ['From northlight Mon Nov  2 09:00:00 2026', PASS, FROM]],
  ['bytes that are no text', [PASS, FROM, Buffer.from([0x53, 0x75, 0x62, 0x6a, 0x65, 0x63, 0x74, 0x3a, 0x20, 0xff])]],
  ['a field in the body', [FROM, '', PASS]],
]

for (const [what, lines] of REFUSED)
  void test(`outsider: ${what}`, async () => {
    assert.equal(await label(lines), 'outsider')
  })

test('nobody is believed where no server is named', async () => {
  const raw = Buffer.from(`${PASS}\r\n${FROM}\r\n\r\nHello`)
  assert.equal((await incomingMail('test', raw)).trust, 'outsider')
})

test('what is quoted, commented or spaced in any way never adds a result', () => {
  const noise = fc.stringMatching(/^[ -~]{0,60}$/)
  fc.assert(
    fc.property(noise, noise, (quoted, comment) => {
      const q = quoted.replaceAll(/["\\]/g, '\\$&')
      const c = comment.replaceAll(/[()\\]/g, '\\$&')
      const found = authenticationResults(
        `${MX} (${c}); spf=pass (${c}) smtp.mailfrom="${q}"; dmarc=fail reason="${q}" (${c})`,
      )
      assert.deepEqual(
        found?.results.map((r) => `${r.method}=${r.result}`),
        ['spf=pass', 'dmarc=fail'],
      )
    }),
  )
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (anything) => {
      const found = authenticationResults(anything)
      assert.ok(found === null || found.server !== '')
    }),
  )
})

test('a name that no server can have is refused', () => {
  for (const trustedAuthenticator of ['', 'mx example', 'mx;x'])
    assert.throws(() => mail.outbox({ from: 'Mara <mara@northlight.example>', trustedAuthenticator }), {
      code: 'mail.bad_authenticator',
    })
})
