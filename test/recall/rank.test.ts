import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { lookedUp, rank, type Candidate, type Corpus } from '../../src/context/recall/rank.ts'
import { stem } from '../../src/context/recall/stem.ts'
import { terms } from '../../src/context/recall/terms.ts'

type Said = Partial<Candidate> & { readonly text: string }

function candidates(said: readonly Said[]): Candidate[] {
  return said.map((s, id) => ({
    id,
    doc: `d${id}`,
    n: 0,
    at: 0,
    role: 'them',
    speaker: null,
    heading: '',
    vector: null,
    terms: terms(s.text),
    headingTerms: terms(s.heading ?? ''),
    ...s,
  }))
}

function corpusOf(all: readonly Candidate[], passages = 1_000): Corpus {
  const df = new Map<string, number>()
  for (const c of all) for (const term of new Set(c.terms)) df.set(term, (df.get(term) ?? 0) + 1)
  return { passages, meanTerms: all.reduce((n, c) => n + c.terms.length, 0) / all.length, df }
}

function ask(text: string, said: readonly Said[], now = 0) {
  const all = candidates(said)
  const question = { text, terms: terms(text), now, vector: null }
  const ranking = rank(question, all, corpusOf(all))
  return { ...ranking, texts: ranking.passages.map((p) => all[p.id]!.text) }
}

test('forms of a word are one term; contractions, accents and digit groups do not divide', () => {
  for (const [a, b] of [
    ['painted', 'painting'],
    ['went', 'goes'],
    ['children', 'child'],
    ["Ada's studies", 'ada study'],
    ['Café', 'cafes'],
    ['$1,200', '1200'],
    ['relational', 'relate'],
  ] as const)
    assert.deepEqual(terms(a), terms(b), `${a} / ${b}`)
  assert.deepEqual(terms("I don't think that we won't"), terms('I think that we'))
  assert.deepEqual(terms('東京都'), ['東京', '京都'])
  // From the vocabulary that the author of the algorithm published.
  const known = {
    caresses: 'caress',
    ponies: 'poni',
    hopping: 'hop',
    filing: 'file',
    conflated: 'conflat',
    happy: 'happi',
  }
  for (const [word, expected] of Object.entries({
    ...known,
    vietnamization: 'vietnam',
    controll: 'control',
    roll: 'roll',
  }))
    assert.equal(stem(word), expected, word)
})

test('terms are the same for any case, and never empty', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      assert.ok(terms(text).every((term) => term !== '' && !/\s/.test(term)))
      assert.deepEqual(terms(text.toLowerCase().toLowerCase()), terms(text.toLowerCase()))
    }),
  )
})

const MAILS: readonly Said[] = [
  { text: 'The lighthouse poster came with a torn corner.' },
  { text: 'My calendar does not synchronise with the phone.' },
  { text: 'Lovely weather in Lisbon today.' },
]

test('a single mail is found by most of its words; what nobody said is not', () => {
  for (const question of ['What was wrong with the lighthouse poster?', 'Have you sent another lighthouse poster?'])
    assert.deepEqual(ask(question, MAILS).texts, [MAILS[0]!.text], question)
  for (const question of ['zeppelin', 'refund money for the calendar', 'who are you?']) {
    const { texts, reason } = ask(question, MAILS)
    assert.deepEqual(texts, [], question)
    assert.ok(reason)
  }
})

test('in a document, no paragraph outranks the one that has the word', () => {
  const paragraphs = Array.from({ length: 400 }, (_, n): Said => {
    return { doc: 'long', n, role: 'document', text: `Paragraph ${n} tells of item${n}. It says what there is to say.` }
  })
  assert.deepEqual(ask('item317', paragraphs).texts, [paragraphs[317]!.text])
})

test('in a conversation, what answers a question comes with it', () => {
  const talk: readonly Said[] = [
    { doc: 'talk', n: 0, speaker: 'Ada', text: 'Good morning to all of you over there.' },
    { doc: 'talk', n: 1, speaker: 'Bob', text: 'Which colour did you choose for the kitchen wall?' },
    { doc: 'talk', n: 2, speaker: 'Ada', text: 'A pale green, with white tiles behind the stove.' },
    ...Array.from({ length: 30 }, (_, n): Said => ({
      doc: `x${n}`,
      speaker: 'Bob',
      text: `Nothing of interest happened on trip ${n}.`,
    })),
  ]
  assert.equal(ask('What colour did Ada choose for the kitchen wall?', talk).texts[0], talk[2]!.text)
})

test('who is named, and the date that is named, decide between equal words', () => {
  const text = 'I started to learn the violin with a teacher.'
  const said = (speaker: string, at: number): Said => ({ text, speaker, at, doc: `${speaker} ${at}` })
  const may = Date.UTC(2023, 4, 9)
  const august = Date.UTC(2023, 7, 9)
  const all = [said('Ada', may), said('Bob', may), said('Ada', august), said('Bob', august)]
  for (const [i, question] of [
    'Did Ada learn the violin in May 2023?',
    'Did Bob learn the violin in August?',
  ].entries())
    assert.equal(ask(question, all).passages[0]?.id, i * 3)
  assert.equal(ask('What did Ada learn last month on the violin?', all, august + 86_400_000).passages[0]?.id, 2)
})

test('of conversations with the same words comes first the one that has them side by side', () => {
  const { documents } = ask('who repaired the garden gate', [
    { doc: 'apart', text: 'The gate behind the old garden was repaired.' },
    { doc: 'beside', text: 'Behind the old garden gate it was repaired.' },
  ])
  assert.deepEqual(
    documents.map(({ doc }) => doc),
    ['beside', 'apart'],
  )
})

test('what means the same speaks for a passage, for those beside it, and for its conversation', () => {
  const near = Float32Array.from([1, 0])
  const far = Float32Array.from([0, 1])
  const all = candidates([
    { doc: 'a', n: 0, text: 'Her dog is well.', vector: far },
    { doc: 'a', n: 1, text: 'The sun shines again.', vector: far },
    { doc: 'b', n: 0, text: 'Her dog is well!', vector: far },
    { doc: 'b', n: 1, text: 'The puppy eats again.', vector: near },
  ])
  const text = 'How is her dog?'
  const question = { text, terms: terms(text), now: 0, vector: near }
  const meant = rank(question, all, corpusOf(all))
  assert.equal(meant.documents[0]!.doc, 'b')
  const scoreOf = (id: number) => meant.passages.find((p) => p.id === id)?.score ?? 0
  assert.ok(scoreOf(2) > scoreOf(0), 'the passage beside what means it')
  assert.ok(scoreOf(3) > scoreOf(1))
  const lexical = rank({ ...question, vector: null }, all, corpusOf(all))
  assert.equal(lexical.documents[0]!.score, lexical.documents[1]!.score, 'by words alone they are equal')
})

test('a story is asked sentence by sentence, and titles that it speaks of come first', () => {
  const filler =
    'My name is Jo Perez, I live in a small town by the sea, I teach history at a school and I have two dogs. '
  const story = `${filler}I lost my travel card on a train yesterday and somebody may have it. Also the roof of our garden
    shed leaks since the storm, which I would like to claim from the insurance. Please be patient, kind and quick with every answer
    because there is a lesson at noon, parents wait outside, and nobody else in the building knows how this is done properly.`
  const docs = [
    'Replacing a lost travel card',
    'Claims for storm damage to a shed',
    'Loans for tractors',
    'Opening hours in winter',
  ]
  const { documents, passages } = ask(
    story,
    docs.map((heading, i) => ({
      doc: `${i}`,
      role: 'document',
      heading,
      text: `How ${heading.toLowerCase()} is handled here, by step.`,
    })),
  )
  assert.deepEqual(
    documents
      .slice(0, 2)
      .map((d) => d.doc)
      .sort(),
    ['0', '1'],
  )
  assert.ok(passages.length > 0)
})

test('of a long question those words are looked up that stand somewhere and come back', () => {
  const df = new Map([...Array.from({ length: 100 }, (_, i) => [`w${i}`, 500] as const), ['rare', 1], ['never', 0]])
  const words = lookedUp([...df.keys(), 'w7', 'w7'], df, 1_000)
  assert.equal(words.length, 48)
  assert.deepEqual(words.slice(0, 2), ['rare', 'w7'])
  assert.ok(!words.includes('never'))
})

test('whatever is asked, scores are between 0 and 1 and fall', () => {
  const word = fc.constantFrom(
    'card',
    'lost',
    'what',
    'when',
    'Ada',
    'May',
    '2023',
    'green',
    '?',
    'how many',
    'last week',
  )
  const text = fc.array(word, { maxLength: 80 }).map((words) => words.join(' '))
  const role = fc.constantFrom('them', 'us', 'operator', 'document' as const)
  const said = fc.record({
    text,
    role,
    heading: text,
    doc: fc.constantFrom('a', 'b'),
    speaker: fc.constantFrom('Ada', null),
  })
  fc.assert(
    fc.property(text, fc.array(said, { maxLength: 12 }), (question, all) => {
      const { passages, documents, reason } = ask(
        question,
        all.map((s, n) => ({ ...s, n })),
      )
      for (const list of [passages, documents])
        for (const [i, { score }] of list.entries())
          assert.ok(score >= 0 && score <= 1 && score <= (list[i - 1]?.score ?? 1), String(score))
      assert.equal(passages.length === 0, reason !== null)
    }),
  )
})
