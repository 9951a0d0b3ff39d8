import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { npmEncoder } from '../../lib/sentence-encoder.ts'
import { Learner, type Example } from './learner.ts'

const REFUNDS = {
  english: [
    'I want a refund for my order, the template does not work.',
    'Please refund my purchase, I ordered it twice by mistake.',
    'Can I get my money back? The course is not what I expected.',
    'I would like to return this and get a refund.',
    'Hi, could you refund the 49 dollars I paid yesterday?',
    'Your app charged me twice, please refund one of the payments.',
    'I am not happy with the product and want my money back.',
    'Requesting a refund for order 1042, it never arrived.',
    'How do I get a refund? I cancelled my subscription last week.',
    'Please cancel my order and refund the money.',
  ],
  'German and French': [
    'Ich möchte mein Geld zurück, die Vorlage funktioniert nicht.',
    'Bitte erstatten Sie mir den Betrag von 49 Euro, ich habe doppelt bestellt.',
    'Ich widerrufe meine Bestellung und bitte um Rückerstattung.',
    'Können Sie mir die Bestellung erstatten? Die Vorlage funktioniert nicht.',
    'Die Rückerstattung für meine Bestellung 1042 ist noch nicht da.',
    'Je souhaite le remboursement de ma commande, le modèle ne fonctionne pas.',
    'Merci de me rembourser les 49 euros, j’ai commandé deux fois.',
    'J’annule ma commande et je demande le remboursement.',
    'Pouvez-vous me rembourser ma commande ? Le modèle ne fonctionne pas.',
    'Le remboursement de ma commande 1042 n’est pas encore arrivé.',
  ],
}
const OTHERS: readonly (readonly [string, string])[] = [
  ['question', 'How do I install the template on my site?'],
  ['lead', 'We need a new website for our bakery, what would it cost?'],
  ['question', 'Wie kann ich mein Passwort zurücksetzen?'],
  ['lead', 'Pourriez-vous nous faire un devis pour un logo ?'],
  ['spam', 'You have won a prize, click here to claim it now!'],
]

const labelled = (label: string, texts: readonly string[]): Example[] =>
  texts.map((text, i) => ({ id: `${label}-${i}`, text, label }))
const others = OTHERS.map(([label, text], i) => ({ id: `other-${i}`, text, label }))
const english = labelled('refund', REFUNDS.english)

/** Ten cases in a row as the operator decides them, something else now and then. */
async function decided(learner: Learner, refunds: readonly Example[]): Promise<Learner> {
  for (const [i, refund] of refunds.entries()) {
    await learner.learn([refund])
    const other = i % 2 === 0 ? others[i / 2] : undefined
    if (other) await learner.learn([other])
  }
  return learner
}

const installed = await npmEncoder()

for (const encode of [installed, null]) {
  const how = encode ? 'with the encoder' : 'by words alone'
  const cases = [
    ['english', 'I would like a refund for my last order, please.'],
    ['German and French', 'Ich bitte um Rückerstattung, die Bestellung funktioniert nicht.'],
    ['German and French', 'Je demande le remboursement de ma commande.'],
  ] as const
  for (const [language, eleventh] of cases) {
    test(`after ten cases the eleventh is decided: ${eleventh} (${how})`, async () => {
      const refunds = labelled('refund', REFUNDS[language])
      const learner = await decided(new Learner({ encode }), refunds)
      const guess = await learner.guess(eleventh)
      assert.equal(guess?.label, 'refund')
      assert.ok(guess.confidence >= 0.8, `${guess.confidence}`)
      assert.ok(guess.nearest.every((id) => id.startsWith('refund-')))
      assert.match(guess.because, /^like \d+ decisions of yours; nearest: refund-/)
    })
  }

  test(`a few cases are not enough (${how})`, async () => {
    const learner = await decided(new Learner({ encode }), english.slice(0, 4))
    for (const { text } of english) {
      const guess = await learner.guess(text)
      assert.ok((guess?.confidence ?? 0) < 0.8, text)
    }
  })

  test(`what is unlike everything seen is not decided (${how})`, async () => {
    const learner = await decided(new Learner({ encode }), english)
    const foreign = [
      '',
      ' \n ',
      'Hello',
      'Où se trouve la gare ?',
      'Köszönöm szépen a tegnapi ebédet',
      '请问什么时候发货',
      'The weather in Lisbon will be sunny with light winds tomorrow.',
      'The committee adopted the minutes of the previous meeting without changes. '.repeat(60),
      Array.from({ length: 2_000 }, (_, i) => `word${i}refund`).join(' '),
    ]
    for (const text of foreign) {
      const guess = await learner.guess(text)
      assert.ok((guess?.confidence ?? 0) < 0.5, `${text.slice(0, 40)}: ${guess?.label} ${guess?.confidence}`)
    }
  })
}

test('nothing learned and too little of one kind are answered with null', async () => {
  const learner = new Learner({ encode: null })
  assert.equal(await learner.guess('refund please'), null)
  await learner.learn(english.slice(0, 5))
  assert.equal(await learner.guess(english[0]!.text), null)
  learner.forget(english.map((e) => e.id))
  assert.equal(await learner.guess(english[0]!.text), null)
  assert.equal(learner.size, 0)
})

test('the same examples in the same order give the same guesses', async () => {
  const [one, two] = [new Learner({ encode: null, seed: 7 }), new Learner({ encode: null, seed: 7 })]
  await Promise.all([decided(one, english), decided(two, english)])
  for (const text of [...REFUNDS.english, ...OTHERS.map((o) => o[1])]) {
    assert.deepEqual(await one.guess(text), await two.guess(text))
  }
})

test('one by one is close to all at once', async () => {
  const batch = new Learner({ encode: null })
  const all = [...english, ...others, ...labelled('remboursement', REFUNDS['German and French'].slice(5))]
  await batch.learn(all)
  const single = new Learner({ encode: null })
  for (const example of all) await single.learn([example])
  for (const { text } of all) {
    const [a, b] = [await batch.guess(text), await single.guess(text)]
    assert.equal(a?.label, b?.label, text)
    assert.ok(Math.abs(a!.confidence - b!.confidence) < 0.25, `${text}: ${a!.confidence}, ${b!.confidence}`)
  }
})

test('what is forgotten leaves no trace: the guesses are those of one who never saw it', async () => {
  const secret = { id: 'secret', text: 'Our zebra Marguerite wants a striped refund.', label: 'zebra' }
  const never = new Learner({ encode: null })
  await never.learn([...english, ...others])
  const forgot = new Learner({ encode: null })
  await forgot.learn([...english, secret, ...others])
  forgot.forget(['secret', 'unknown'])
  assert.equal(forgot.size, never.size)
  for (const text of [secret.text, ...REFUNDS.english])
    assert.deepEqual(await forgot.guess(text), await never.guess(text))
})

test('what is forgotten while it is being learned is forgotten too', async () => {
  const learner = new Learner({ encode: null })
  const learning = learner.learn([...english, ...others])
  learner.forget(['refund-0'])
  await learning
  const guess = await learner.guess(english[0]!.text)
  assert.equal(learner.size, english.length + others.length - 1)
  assert.ok(!guess?.nearest.includes('refund-0'))
})

test('a correction replaces what was decided', async () => {
  const learner = await decided(new Learner({ encode: null }), english)
  const { size } = learner
  await learner.learn(english.map((e) => ({ ...e, label: 'complaint' })))
  assert.equal(learner.size, size)
  const guess = await learner.guess('I would like a refund for my last order, please.')
  assert.equal(guess?.label, 'complaint')
})

test('a single correction counts at once', async () => {
  const learner = new Learner({ encode: null })
  await learner.learn([...english, ...others])
  await learner.learn([{ ...english[3]!, label: 'return' }])
  assert.equal((await learner.guess(english[3]!.text))?.label, 'return')
})

test('the threshold is the confidence from which held-out decisions were right often enough', async () => {
  const learner = new Learner({ encode: null })
  assert.equal(learner.threshold(0.99), null)
  await learner.learn([...english, ...others])
  const [all, most] = [learner.threshold(0)!, learner.threshold(0.9)]
  assert.ok(all >= 0 && all <= 1)
  assert.ok(most === null || most >= all)
})

test('without the packages there is no encoder, and the guess says so', async () => {
  const missing = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
  const encode = await npmEncoder(() => Promise.reject(missing))
  assert.equal(encode, null)
  const learner = await decided(new Learner({ encode }), english)
  const guess = await learner.guess('I would like a refund for my last order, please.')
  assert.match(guess!.because, /no sentence encoder/)
})

test('texts encoded at the same time do not mix', { skip: installed === null }, async () => {
  const texts = english.slice(0, 4).map((e) => e.text)
  const together = await Promise.all(texts.map((text) => installed!.embed([text])))
  for (const [i, text] of texts.entries()) assert.deepEqual(together[i], await installed!.embed([text]))
  assert.deepEqual(
    together[0]![0]!.map((layer) => layer.length),
    [512, 512, 512],
  )
  assert.notDeepEqual(together[0], together[1])
})

test('an encoder that is installed but broken is an error with what to do', async () => {
  await assert.rejects(
    npmEncoder(() => Promise.reject(new Error('bad wasm'))),
    { code: 'learned.encoder' },
  )
})

test('other work goes on while it trains', async () => {
  const learner = new Learner({ encode: null })
  const many = Array.from({ length: 600 }, (_, i) => ({
    id: `n${i}`,
    text: `${english[i % 10]!.text} ${others[i % 5]!.text} number ${i}`,
    label: `label ${i % 20}`,
  }))
  let turns = 0
  let training = true
  const counting = (async () => {
    while (training) {
      await setImmediate()
      turns += 1
    }
  })()
  await learner.learn(many)
  training = false
  await counting
  assert.ok(turns >= 20, `${turns} turns`)
})
