import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { budget } from '../../src/index.ts'
import { testCompany } from '../../src/testing.ts'
import { onEachStore } from '../each-store.ts'

/** A service that knows a few words for the same thing, as a model does: each group is one direction. */
const GROUPS = [/refund|money back|reimburse/i, /car|automobile|vehicle/i, /weather|rain|sun/i]

async function service(t: { after(f: () => Promise<void>): void }) {
  const asked: string[][] = []
  let status = 200
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { input } = JSON.parse(body) as { input: string[] }
      asked.push(input)
      response.writeHead(request.headers.authorization === 'Bearer sesame' ? status : 401)
      const data = input.map((one, index) => ({ index, embedding: [...GROUPS.map((g) => (g.test(one) ? 1 : 0)), 0.1] }))
      response.end(JSON.stringify({ data: data.toReversed(), usage: { total_tokens: input.length * 10 } }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  process.env.TEST_ENCODER_KEY = 'sesame'
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/`
  return {
    asked,
    fail: (code: number) => (status = code),
    encoder: { baseUrl, model: 'groups', apiKeyEnv: 'TEST_ENCODER_KEY' },
  }
}

void test('vectors', async (t) => {
  const { asked, fail, encoder } = await service(t)
  await t.test('are made when a question needs them, kept, counted, and gone with what they are of', async () => {
    await using company = await testCompany({ encoder })
    await company.ask('remember', { text: 'We reimburse a purchase within five days of the purchase.' })
    await company.ask('remember', { text: 'The purchase of an automobile is described here.' })
    await company.ask('recallIndex', {})
    assert.equal(asked.length, 0, 'nothing is made on the write path')
    const query = 'Do I get money back for my purchase?'
    const found = await company.ask('recall', { query })
    assert.equal(found.withoutMeaning, null)
    assert.deepEqual(
      asked.map((texts) => texts.length),
      [3],
    )
    await company.ask('recall', { query })
    assert.equal(asked.length, 1, 'what was made is kept')
    const [cost] = await company.ask('recallCosts', {})
    assert.deepEqual(
      [cost!.model, cost!.vectors, cost!.queries, cost!.tokens, cost!.recalls, cost!.kept],
      ['groups', 2, 1, 30, 2, 2],
    )
    await company.check()
  })
  await t.test('that cannot be made leave words alone, and the key stays secret', async () => {
    fail(500)
    await using company = await testCompany({ encoder })
    await company.ask('remember', { text: 'The rain in Spain.' })
    const found = await company.ask('recall', { query: 'rain' })
    assert.equal(found.withoutMeaning, 'encoder.failed')
    assert.deepEqual(
      found.passages.map((p) => p.text),
      ['The rain in Spain.'],
    )
    assert.ok(!JSON.stringify(found).includes('sesame'))
    fail(200)
    await company.advance('2m')
    assert.equal((await company.ask('recall', { query: 'rain' })).withoutMeaning, null)
  })
  await t.test('that cost are metered and under budgets', async () => {
    const priced = { ...encoder, price: { perMillion: 1_000_000, currency: 'EUR' } }
    const budgets = [budget({ name: 'models', money: { amount: '400', currency: 'EUR' }, per: 'month' })]
    await using company = await testCompany({ encoder: priced, budgets })
    await company.ask('remember', { text: 'The rain in Spain.' })
    assert.equal((await company.ask('recall', { query: 'rain' })).withoutMeaning, null)
    const { total } = await company.ask('costs', {})
    assert.deepEqual([total[0]!.micros, total[0]!.tokens], [20_000_000, 20])
    const long = await company.ask('recall', { query: `rain ${'and more of it '.repeat(40)}` })
    assert.equal(long.withoutMeaning, 'encoder.over_budget')
    assert.equal(long.passages.length, 1)
    await company.check()
  })
})

onEachStore('the offline encoder finds what is meant, and what is around an answer is made ahead', async (url) => {
  await using company = await testCompany({ encoder: 'offline', ...(url ? { url } : {}) })
  const paragraphs = ['Cancelling', 'Moving', 'Paying', 'Writing'].map(
    (word) => `${word} a subscription: ${`${word} is simple. `.repeat(50)}`,
  )
  await company.ask('remember', { text: paragraphs.join('\n\n'), title: 'Handbook' })
  const found = await company.ask('recall', { query: 'How do I pay for my subscription?' })
  assert.equal(found.withoutMeaning, null)
  assert.ok(found.passages.length > 0)
  await company.open.recall.stop()
  const [cost] = await company.ask('recallCosts', {})
  assert.ok(cost!.vectors >= found.passages.length)
  const bytes = await company.open.store.engine.queryText('select numbers from vector limit 1', [])
  assert.equal((bytes[0]!.numbers as Uint8Array).byteLength, 512 * 4)
  await company.check()
})
