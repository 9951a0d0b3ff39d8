import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseChecked } from './message.fixture.ts'
import type { Message } from './message.ts'
import { mailSources } from './sources.ts'

const INBOX = fileURLToPath(new URL('../../examples/studio/inbox', import.meta.url))

async function readInbox(): Promise<Map<string, Message>> {
  const mails = new Map<string, Message>()
  for await (const found of mailSources(INBOX)) {
    assert.ok('raw' in found)
    const { name, raw } = found
    assert.ok(!Buffer.from(raw).toString('latin1').replaceAll('\r\n', '').includes('\n'), `${name} has bare line feeds`)
    mails.set(name.replace('.eml', ''), await parseChecked(raw))
  }
  return mails
}

test('the sample inbox is read: what is sound has no defects, what is broken is mended and named', async () => {
  const mails = await readInbox()
  assert.equal(mails.size, 45)
  const mail = (name: string): Message => mails.get(name) ?? assert.fail(`there is no ${name}`)
  const defects = Object.fromEntries(
    [...mails].filter(([, { defects }]) => defects.length > 0).map(([name, m]) => [name, m.defects]),
  )
  assert.deepEqual(defects, {
    '27-malformed-no-message-id': ['Message-ID is missing; the id was made from the content.'],
    '28-malformed-no-from': ['There is no From; the sender is unknown@invalid.'],
    '29-malformed-broken-boundary': ['The boundary between the parts never comes; the body was read as plain text.'],
    '30-malformed-bad-date': ['The date is not readable.'],
    '31-malformed-wrong-charset': ['The text is not valid UTF-8; it was read as windows-1252.'],
    '32-malformed-truncated-base64': ['The base64 content stops in the middle; what was there was read.'],
    '37-hostile-bidi-zero-width': [
      "The sender's name had line breaks, invisible or reordering characters; removed.",
      'The name of attachment 1 had line breaks, invisible or reordering characters; removed.',
      'The subject had line breaks, invisible or reordering characters; removed.',
      'The text has 6 invisible or reordering characters; kept.',
    ],
    '38-hostile-header-injection-subject': [
      'The subject had line breaks, invisible or reordering characters; removed.',
    ],
    '41-hostile-giant-nested-quotes': ['Of 260 references the first and the last 199 were kept.'],
  })

  assert.match(mail('05-lead-physiotherapie-german').text, /Behandlungsräumen in Lüneburg/)
  assert.equal(mail('06-question-facture-french').fromName, 'Hélène Marchand')
  assert.match(mail('19-refund-german-base64').text, /190,00 €/)
  assert.match(mail('31-malformed-wrong-charset').text, /Größe der Zeitfenster/)
  assert.match(mail('29-malformed-broken-boundary').text, /The photos are too big/)
  assert.match(mail('20-question-html-only').text, /^Hi Mara,\n\ncan two colleagues .* customers\? .* & each/)
  assert.match(mail('12-phishing-payment-provider').text, /verify \(http:\/\/paybridge-secure-login\.example/)
  assert.doesNotMatch(mail('36-hostile-html-script').text, /script|javascript|onerror|@import/)
  assert.equal(mail('28-malformed-no-from').from, 'unknown@invalid')
  assert.equal(mail('33-malformed-header-only').text, '')
})

test('threads, duplicates, lists, machines and attachments of the sample inbox are what they seem', async () => {
  const mails = await readInbox()
  const mail = (name: string): Message => mails.get(name) ?? assert.fail(`there is no ${name}`)
  assert.equal(mail('17-thread-export-writes-again').references[0], mail('16-thread-export-first').id)
  assert.deepEqual(mail('18-thread-export-reply-to-mara').references, [
    mail('16-thread-export-first').id,
    mail('17-thread-export-writes-again').id,
    'nl-1015@northlight.example',
  ])
  assert.equal(mail('25-duplicate-delivered-to-mara').id, mail('26-duplicate-delivered-to-hello').id)
  assert.equal(new Set([...mails.values()].map(({ id }) => id)).size, 44)
  assert.equal(mail('15-mailing-list-sqlite').listId, 'localfirst.lists.localfirst.example')
  const machines = [...mails].filter(([, { autoSubmitted }]) => autoSubmitted).map(([name]) => name.slice(0, 2))
  assert.deepEqual(machines, ['07', '09', '13', '14', '15', '34'])
  const files = [...mails].flatMap(([name, { attachments }]) =>
    attachments.map((file) => `${name.slice(0, 2)} ${file.name} ${file.type}`),
  )
  assert.deepEqual(files, [
    '04 entry.png image/png',
    '08 Rechnung 2026-017 Léo.pdf application/pdf',
    '14 attachment-1 message/delivery-status',
    '14 attachment-2 message/rfc822',
    '21 attachment-1 text/calendar',
    '21 invite.ics application/ics',
    '37 invoice_fdp.exe application/octet-stream',
    '40 logo.svg image/svg+xml',
  ])
  assert.equal(mail('39-hostile-spoofed-mara').from, 'mara@northlight.example')
  assert.equal(mail('39-hostile-spoofed-mara').replyTo, 'mara.lind.private@freemail.example')
})
