import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { mail } from '../connectors/mail/index.ts'
import { workflow } from '../src/orchestration/workflow.ts'
import { testCompany } from '../src/testing.ts'

const MX = 'mx.northlight.example'
const FROM = 'From: Ada Roth <ada@customer.example>'
const PASS = `Authentication-Results: ${MX}; dmarc=pass header.from=customer.example`

test('the label goes with the mail into its run and into what the run does', async () => {
  const hear = workflow('hear', { on: mail.received }, async (ctx, message) => {
    await ctx.act(mail.reply, { to: message, body: 'Thank you.' })
  })
  const from = 'Mara <mara@northlight.example>'
  await using company = await testCompany({
    workflows: [hear],
    connectors: [mail.outbox({ from, trustedAuthenticator: MX })],
  })
  const folder = join(company.folder, 'mail')
  await mkdir(folder)
  for (const [name, head] of Object.entries({ a: `${PASS}\r\n${FROM}`, b: FROM }))
    await writeFile(
      join(folder, `${name}.eml`),
      `${head}\r\nMessage-ID: <${name}@customer.example>\r\n\r\nHello ${name}`,
    )
  await company.open.ingest(folder)
  await company.idle()
  const signals = await company.list('signals', {})
  assert.deepEqual(
    signals.map((s) => s.trust).toSorted((a, b) => (a! < b! ? -1 : 1)),
    ['outsider', 'verified'],
  )
  assert.deepEqual(
    (await company.effects()).map((e) => e.trust).toSorted((a, b) => (a! < b! ? -1 : 1)),
    ['outsider', 'verified'],
  )
  await company.check()
})
