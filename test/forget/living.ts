import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Json } from '../../src/lib/json.ts'
import type { TestCompany } from '../../src/testing.ts'
import { addressOf, asked, mailOf, word } from './office.ts'

/** Everything that somebody leaves in the company, from their mail to what the operator makes of it. */
export async function live(c: TestCompany, who: string, refers?: string): Promise<void> {
  const inbox = await mkdtemp(join(tmpdir(), 'inbox-'))
  await mkdir(join(c.folder, 'letters'), { recursive: true })
  await writeFile(join(inbox, 'a.eml'), mailOf(who, 1, refers))
  await c.ingest(inbox)
  await rm(inbox, { recursive: true })
  await c.decide('answer', { value: word(who, 'operatortopic') })
  await c.decide('answer', { value: word(who, 'option') })
  const reply = (await c.queue())[0]!
  assert.equal(reply.kind, 'effect')
  const input = (await c.ask('input', { id: reply.id })) as { readonly [key: string]: Json }
  await c.decide('edit', { value: { ...input, body: word(who, 'edited') }, reason: word(who, 'reason') })
  await c.advance('10s')
  await c.decide('approve')
  await c.idle()
  const [decision] = (await c.ask('agent', { name: 'triage', limit: 1 })).decisions
  await c.ask('correct', { id: decision!.id, value: word(who, 'corrected'), reason: word(who, 'complaint') })
  await c.send(asked, { email: addressOf(who), text: word(who, 'form') }, { trust: 'outsider' })
}
