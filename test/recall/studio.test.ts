/** What is recalled in the sample company: its mails, as they come in, and notes of the operator's beside them. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseMail } from '../../connectors/mail/parse.ts'
import { signal, workflow, z } from '../../src/index.ts'
import { testCompany, type TestCompany } from '../../src/testing.ts'

const mail = signal('mail', z.object({ from: z.string(), subject: z.string(), text: z.string(), id: z.string() }), {
  message: (m) => ({ party: m.from, subject: m.subject, text: m.text, ids: [m.id] }),
})
const hear = workflow('hear', { on: mail }, async () => {})

const STUDIO = fileURLToPath(new URL('../../examples/studio/', import.meta.url))

async function receiveAll(company: TestCompany): Promise<void> {
  for (const folder of ['inbox', 'more-mail'])
    for (const file of (await readdir(`${STUDIO}${folder}`)).sort()) {
      const { message } = await parseMail(await readFile(`${STUDIO}${folder}/${file}`))
      const { from, subject, text } = message
      if (from) await company.send(mail, { from, subject, text, id: file }, { trust: 'outsider' })
      company.clock.advance(60_000)
    }
}

test('what the operator noted is found before mails that only ask about it', async () => {
  await using company = await testCompany({ workflows: [hear] })
  await receiveAll(company)
  const refund = 'A refund is paid within five days.'
  const move = 'A licence of Lantern may be moved to another computer once a year.'
  const hosting = 'We host in Frankfurt; nothing leaves the European Union.'
  for (const text of [refund, move, hosting]) await company.ask('remember', { text })
  const first = async (query: string) => (await company.ask('recall', { query })).passages[0]?.text
  assert.equal(await first('how long does a refund take'), refund)
  assert.equal(await first('When is a refund paid?'), refund)
  assert.equal(await first('Can I move my licence to a new laptop?'), move)
  assert.equal(await first('where is our data hosted'), hosting)
  // A question about what somebody wrote is still answered by what they wrote.
  assert.match((await first('Who was charged twice in October?'))!, /charged twice for Harbor/)
  assert.match((await first('Which museum wants an audio guide?'))!, /audio guide/)
  for (const query of ['who sang at the opera in Vienna', 'what is the wifi password', 'how tall is the lighthouse'])
    assert.equal(await first(query), undefined, query)
})
