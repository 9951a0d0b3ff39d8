import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { onEachStore } from '../../../test/each-store.ts'
import { signal } from '../../context/signals.ts'
import { scriptedModel, testCompany } from '../../testing.ts'
import { agent } from '../agent.ts'
import { workflow } from '../workflow.ts'
import { Learning, readable, type Classifier } from './learning.ts'

const Kind = z.enum(['refund', 'question'])
const Mail = z.object({ subject: z.string(), text: z.string() })
const arrived = signal('test.mail', Mail)
const sortBy = (sureEnough: number) => {
  const tiers = [() => null, 'learned', 'light', 'operator'] as const
  const triage = agent('triage', { input: Mail, output: Kind, tiers, sureEnough })
  return workflow('sort', { on: arrived }, async (ctx, mail) => (await ctx.decide(triage, mail)).value)
}

const MAILS: readonly (readonly ['refund' | 'question', string, string])[] = [
  ['refund', 'Charged twice', 'My card was charged twice for the licence. Please give me my money back.'],
  ['question', 'Export', 'How can I export my notes as a PDF file?'],
  ['refund', 'Wrong amount', 'You charged my card too much money. I want the charge back, please.'],
  ['question', 'Sync', 'How do I sync my calendar with the app on my phone?'],
  ['refund', 'Money back', 'I bought the wrong licence and want my money back on my card.'],
  ['question', 'Print', 'How can I print a page of my notes with the app?'],
  ['refund', 'Double charge', 'There is a double charge on my card. Please return the money for one.'],
  ['question', 'Password', 'How do I change the password of my account in the app?'],
  ['refund', 'Please refund', 'The licence was charged again. Please return my money to my card.'],
  ['question', 'Import', 'How can I import my old notes into the app?'],
]

onEachStore(
  'ten cases that the operator decides with the help of a model, and the eleventh is learned',
  async (url) => {
    const light = scriptedModel(MAILS.map(([kind]) => ({ value: kind, confidence: 0.5, because: 'a guess' })))
    const on = url ? { url } : {}
    // Nobody is that sure: the operator decides all ten.
    const company = await testCompany({ workflows: [sortBy(1)], models: { light }, ...on })
    for (const [kind, subject, text] of MAILS) {
      await company.send(arrived, { subject, text })
      const [gate] = await company.queue()
      const { suggestion, opinions } = gate!.proposal as { suggestion: string; opinions: string }
      assert.equal(suggestion, kind)
      assert.match(opinions, /^light \(scripted\)/m)
      await company.decide('answer', { value: kind })
    }
    await company.close()
    const { folder, clock } = company
    const models = { light: scriptedModel([]) }
    await using again = await testCompany({ workflows: [sortBy(0.8)], models, folder, clock, ...on })
    await again.send(arrived, {
      subject: 'Charged again',
      text: 'My card was charged twice again for the licence. Please give the money back to my card.',
    })
    assert.deepEqual(await again.queue(), [], 'and the model was not asked')
    const { decisions, record } = await again.ask('agent', { name: 'triage', limit: 1 })
    assert.deepEqual([decisions[0]!.tier, decisions[0]!.value], ['learned', 'refund'])
    assert.ok(decisions[0]!.rationale)
    assert.equal(record.find((r) => r.tier === 'light')?.record, '10 of the last 10 kept by you')
    await again.check()
  },
)

/** Says what it was told of the same text, and remembers what it was told. */
function parrot(): Classifier & { readonly known: Map<string, { text: string; label: string }> } {
  const known = new Map<string, { text: string; label: string }>()
  return {
    known,
    get size() {
      return known.size
    },
    learn: async (examples) => {
      for (const { id, text, label } of examples) known.set(id, { text, label })
    },
    forget: (ids) => {
      for (const id of ids) known.delete(id)
    },
    guess: async (text) => {
      const hit = [...known].find(([, e]) => e.text === text)
      return hit ? { label: hit[1].label, confidence: 1, because: 'seen', nearest: [hit[0]] } : null
    },
  }
}

test('it learns what was decided since it last looked, under the label that was right in the end', async () => {
  const chosen = agent('chosen', { output: Kind, tiers: ['operator'] })
  const choose = workflow('choose', {}, (ctx, about: string) => ctx.decide(chosen, { about }))
  await using company = await testCompany({ workflows: [choose] })
  let made = parrot()
  const learning = new Learning(company.open.store, () => (made = parrot()))
  assert.equal(await learning.guess('chosen', { about: 'a' }), null)
  await company.run(choose, 'a')
  await company.decide('answer', { value: 'refund' })
  assert.equal((await learning.guess('chosen', { about: 'a' }))?.label, 'refund')
  const [id] = made.known.keys()
  await company.ask('correct', { id: id!, value: 'question', reason: 'it was one' })
  await company.run(choose, 'b')
  await company.decide('answer', { value: 'refund' })
  assert.equal((await learning.guess('chosen', { about: 'a' }))?.label, 'question')
  assert.equal((await learning.guess('chosen', { about: 'b' }))?.label, 'refund')
  assert.equal(made.known.size, 2)
  learning.forgetAll()
  assert.equal((await learning.guess('chosen', { about: 'b' }))?.label, 'refund')
  assert.equal(await learning.guess('other', { about: 'b' }), null)
})

test('what a person would read of an input', () => {
  assert.equal(readable({ subject: 'S', text: 'T', from: 'x' }), 'S\nT')
  assert.equal(readable({ a: ['b', { c: 'd', n: 1 }], e: null }), 'b\nd')
  assert.equal(readable(7), '')
})
