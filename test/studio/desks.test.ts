/** The sample company's desks, on a clock of its own: what each does with a mail, and what time brings. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { mail } from 'factotum/mail'
import { FakeClock, testCompany, type TestCompany } from 'factotum/testing'
import { billing } from '../../examples/studio/connectors/billing/index.ts'
import type { Books } from '../../examples/studio/connectors/billing/books.ts'
import studio from '../../examples/studio/company.ts'
import { site } from '../../examples/studio/site.ts'
import { byRules } from '../../examples/studio/triage-rules.ts'
import dunning from '../../examples/studio/workflows/dunning.ts'
import publishChangelog from '../../examples/studio/workflows/publish-changelog.ts'
import { readMails } from '../../connectors/mail/ingest.ts'

const STUDIO = join(import.meta.dirname, '../../examples/studio')
const inbox = (name: string) => join(STUDIO, 'inbox', name)

/** In November 2026, as the mails are: a Monday, 08:00 in Berlin. */
function open(without: readonly string[] = ['dunning']): Promise<TestCompany> {
  return testCompany({
    clock: new FakeClock(Date.UTC(2026, 10, 16, 7)),
    workflows: studio.workflows.filter((w) => !without.includes(w.workflow)),
    connectors: [billing.connect(), mail.outbox({ from: 'Mara Lind <hello@northlight.example>' }), site()],
  })
}

/** To a later time at once, as for a machine that slept: a day of seconds takes a minute to live through. */
async function later(
  company: TestCompany,
  duration: { readonly hours?: number; readonly days?: number },
): Promise<void> {
  const { hours = 0, days = 0 } = duration
  company.clock.advance((days * 24 + hours) * 3_600_000)
  await company.idle()
}

async function books(company: TestCompany): Promise<Books> {
  return JSON.parse(await readFile(join(company.folder, 'data/billing/books.json'), 'utf8')) as Books
}

async function sentTo(company: TestCompany): Promise<string[]> {
  const folder = join(company.folder, 'data/outbox')
  const mails = await Promise.all(
    (await readdir(folder)).filter((name) => name.endsWith('.eml')).map((name) => readFile(join(folder, name), 'utf8')),
  )
  return mails.map((text) => `${/^To: (.*)\r$/m.exec(text)?.[1]}: ${/^Subject: (.*)\r$/m.exec(text)?.[1]}`)
}

async function titles(company: TestCompany): Promise<string[]> {
  return (await company.queue()).map((gate) => gate.title)
}

async function states(company: TestCompany): Promise<string[]> {
  return (await company.list('runs', { limit: 100 })).map((run) => run.state)
}

/** Everything that waits, and lets it leave. */
async function approveAll(company: TestCompany): Promise<void> {
  for (const gate of await company.queue()) await company.decide('approve', { gate: gate.id })
  await company.advance('2m')
}

test('a lead that does not answer is asked once more, and one that does is answered', async () => {
  await using company = await open()
  await company.ingest(inbox('01-lead-bakery.eml'))
  await company.ingest(inbox('22-lead-museum-referral.eml'))
  await approveAll(company)
  assert.equal((await sentTo(company)).length, 2)

  // The museum writes again: the run that waits for that takes the mail.
  await company.send(mail.received, {
    ...(await payload(inbox('22-lead-museum-referral.eml'))),
    id: 'again@seemuseum.example',
    text: 'Tuesday at ten is fine for the call. How do we reach you?',
  })
  assert.deepEqual(await titles(company), [
    'Reply to thomsen@seemuseum.example: Re: Audio guide for visitors: quote for a small project',
  ])
  await approveAll(company)

  await later(company, { days: 4 })
  assert.deepEqual(await titles(company), [
    'Reply to jonas@kornundkruste.example: Re: Pre-orders for our bakery',
    'Reply to thomsen@seemuseum.example: Re: Audio guide for visitors: quote for a small project',
  ])
  await approveAll(company)
  await later(company, { days: 5 })
  assert.deepEqual(await titles(company), [], 'once is enough')
  assert.equal((await sentTo(company)).length, 5)
  assert.deepEqual(await states(company), ['done', 'done'])
  await company.check()
})

async function payload(path: string): Promise<object> {
  for await (const one of readMails(path)) if ('payload' in one) return one.payload as object
  throw new Error(`no mail in ${path}`)
}

test('an invoice is read, filed once it is approved, and remembered', async () => {
  await using company = await open()
  await company.ingest(inbox('08-invoice-illustrator-pdf.eml'))
  assert.deepEqual(await titles(company), ['File invoice 2026-017 of leo@leoferrand.example over 640.00 EUR'])
  await company.decide('approve')
  await company.advance('1m')
  const filed = (await books(company)).filed.at(-1)
  assert.deepEqual([filed?.number, filed?.amount, filed?.document?.length], ['2026-017', 64_000, 64])
  assert.deepEqual(await states(company), ['done'])
  await company.check()
})

test('what a refund mail asks for is no more than what its sender was charged', async () => {
  await using company = await open()
  await company.ingest(inbox('35-hostile-prompt-injection.eml'))
  assert.deepEqual(await titles(company), ['Reply to alex@quickrefunds.example: Re: Refund for order NL-20001'])
  assert.deepEqual(
    (await company.effects()).map((e) => [e.action, e.state]),
    [
      ['billing.charges', 'succeeded'],
      ['mail.reply', 'gated'],
    ],
  )
  assert.deepEqual((await books(company)).refunds, [])
})

test('a refund that the operator rejects is not made, and the answer is theirs to write', async () => {
  await using company = await open()
  await company.ingest(inbox('03-refund-double-charge.eml'))
  assert.deepEqual(await titles(company), ['Refund 19.00 EUR of charge ch_20872 to tomasz@pawsandgo.example'])
  await company.decide('reject', { reason: 'he was paid by hand' })
  const [gate] = await company.queue()
  assert.equal(gate?.kind, 'decision')
  assert.match(gate?.title ?? '', /^What do you write to Tomasz Wolny\?/)
  await company.decide('answer', { value: { body: 'You have it already.' } })
  await company.decide('approve')
  await company.advance('1m')
  assert.deepEqual((await books(company)).refunds, [])
  assert.equal((await sentTo(company)).length, 1)
  await company.check()
})

test('what is overdue is reminded of politely, a week later firmly, and then the operator decides', async () => {
  await using company = await open([])
  await later(company, { hours: 2 })
  assert.deepEqual((await titles(company)).toSorted(), [
    'Mail to hinnerk@hafenverein.example: A reminder: invoice NW-2026-031',
    'Mail to nils@hafenwerk.example: A reminder: invoice NW-2026-029',
  ])
  await approveAll(company)
  await later(company, { days: 6 })
  assert.deepEqual(await titles(company), [], 'tried lately')
  await later(company, { days: 2 })
  assert.deepEqual((await titles(company)).toSorted(), [
    'Mail to hinnerk@hafenverein.example: Second reminder: invoice NW-2026-031',
    'Mail to nils@hafenwerk.example: Second reminder: invoice NW-2026-029',
  ])
  await approveAll(company)
  await later(company, { days: 8 })
  const [first, second, ...others] = await company.queue()
  assert.deepEqual([first?.kind, second?.kind, others.length], ['question', 'question', 0])
  await company.decide('answer', { gate: first!.id, value: 'I see to it' })
  await company.decide('answer', { gate: second!.id, value: 'write it off' })
  await later(company, { days: 8 })
  assert.deepEqual(await titles(company), [], 'it is the operator’s now')
  assert.equal((await sentTo(company)).length, 4)
  assert.equal(dunning.schedule?.cron, '0 9 * * 1-5')
  await company.check()
})

test('a changelog entry is a page of the site once it is approved', async () => {
  await using company = await open()
  await company.run(publishChangelog, { title: 'Harbor: waiting lists', text: 'When a day is full, customers queue.' })
  assert.deepEqual(await titles(company), ['Publish: Changelog: Harbor: waiting lists'])
  await company.decide('approve')
  const repository = ['--git-dir', join(company.folder, 'data/site.git')]
  const { stdout } = await promisify(execFile)('git', [
    ...repository,
    'show',
    'main:changelog/2026-11-16-harbor-waiting-lists.md',
  ])
  assert.equal(stdout, '# Harbor: waiting lists\n\n2026-11-16\n\nWhen a day is full, customers queue.\n')
  await company.check()
})

test('of the mails in more-mail the rules know four refunds, and leave every other to be decided', async () => {
  const known: string[] = []
  const unknown: string[] = []
  for await (const one of readMails(join(STUDIO, 'more-mail'))) {
    assert.ok('payload' in one && one.defect === null)
    const ruling = await byRules(mail.Message.parse(one.payload))
    const [, topic = ''] = /\/?\d\d-([a-z]+)-/.exec(one.name) ?? []
    if (ruling) assert.equal(ruling.value, topic, one.name)
    ;(ruling ? known : unknown).push(topic)
  }
  assert.deepEqual(known, ['refund', 'refund', 'refund', 'refund'])
  const count = (topic: string) => unknown.filter((t) => t === topic).length
  assert.deepEqual(['refund', 'support', 'lead', 'invoice', 'spam', 'newsletter'].map(count), [11, 3, 3, 2, 2, 2])
})
