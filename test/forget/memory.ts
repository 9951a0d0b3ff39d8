import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { createHash } from 'node:crypto'
import { sql } from '../../src/store/index.ts'
import type { TestCompany } from '../../src/testing.ts'
import { addressOf, asked, secondOf, word } from './office.ts'

/** Says of every text another direction: 32 numbers that nothing else in the company has. */
export async function tinyEncoder() {
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { input } = JSON.parse(body) as { input: string[] }
      const data = input.map((one) => ({ embedding: [...createHash('sha256').update(one).digest()].map((x) => x + 1) }))
      response.end(JSON.stringify({ data, usage: { total_tokens: 1 } }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    encoder: { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, model: 'tiny' },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Places where only what `remembered` does leaves a word. */
export const REMEMBERED =
  'second mergereason phone rivalphone disputed factreason keptbecause corrected correctreason doctitle docwords docnew docname docpage formdoc formdoctitle taskwords taskwhy tasknote grumble session closereason turnreason whynot other sorted sortedbecause'

const newestSignal = sql(`select id from signal where kind = 'form.asked' order by received_seq desc limit 1`)

/** What the company learns and keeps of somebody beside what `live` leaves: call it after that. */
export async function remembered(c: TestCompany, who: string, decisionOfAnother?: string): Promise<void> {
  const entity = addressOf(who)
  // The operator knows a number; a form contradicts it; another address has a third; the two are one person.
  await c.ask('factAssert', { entity, attribute: 'phone', value: word(who, 'phone'), reason: word(who, 'factreason') })
  await c.ask('factAssert', { entity, attribute: 'tier', value: 'gold', reason: 'she buys a lot' })
  await c.send(asked, { email: entity, text: word(who, 'form'), phone: word(who, 'disputed') }, { trust: 'outsider' })
  await c.decide('keep', { reason: word(who, 'keptbecause') })
  const second = secondOf(who)
  await c.send(asked, { email: second, text: word(who, 'form'), phone: word(who, 'rivalphone') }, { trust: 'outsider' })
  const merged = await c.ask('entityMerge', { into: entity, member: second, reason: word(who, 'mergereason') })
  assert.equal(merged.gates.length, 1)
  await c.decide('keep', { reason: word(who, 'keptbecause') })
  const wrong = { entity, attribute: 'wish', value: word(who, 'corrected'), reason: word(who, 'correctreason') }
  await c.ask('factCorrect', wrong)

  const about = [entity]
  const title = word(who, 'doctitle')
  const name = word(who, 'docname')
  await c.ask('remember', { text: word(who, 'docwords'), title, name, about })
  await c.ask('remember', { text: `${word(who, 'docwords')} ${word(who, 'docnew')}`, title, name, about })
  const outside = await mkdtemp(join(tmpdir(), 'page-'))
  await writeFile(join(outside, 'page.html'), `<h1>Hello</h1><p>${word(who, 'docpage')}</p>`)
  await c.ask('remember', { path: join(outside, 'page.html'), about })
  await rm(outside, { recursive: true })

  if (decisionOfAnother !== undefined) {
    const { id: signal } = (await c.open.store.first<{ id: string }>(newestSignal()))!
    await c.ask('complain', { id: decisionOfAnother, reason: word(who, 'grumble'), signal })
  }
  await c.ask('sessionSet', { session: entity.toUpperCase(), name: 'chat', value: word(who, 'session') })
  const known = await c.list('conversations', {})
  const { id } = known.find((one) => JSON.stringify(one).includes(entity))!
  await c.ask('handOver', { id, turn: 'ours', reason: word(who, 'turnreason') })
  await c.ask('closeConversation', { id, reason: word(who, 'closereason') })
  // What is asked for is indexed, and its vectors are made.
  await c.ask('recall', { query: 'hello', about: entity })
  await c.idle()
}
