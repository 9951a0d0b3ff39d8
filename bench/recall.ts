/**
 * Whether recall finds what answers a question, through the real store and the real path: LoCoMo's turns become messages of a
 * company (each session a conversation, both speakers parties, each with its own clock time), tau2-bench's banking documents become
 * documents of another; then each question is asked of `recall`.
 *
 * Protocol, so that others can repeat it:
 * - Evidence is LoCoMo's, and where a correction is published its `correct_evidence` instead, which may be more turns or other ones;
 *   questions whose evidence is empty or names no turn are left out. Measured on categories 1 to 4: 5 (adversarial) has turns that it
 *   was made from, but asks for what they do not say, so that it only says how often nothing is good enough (`ascribed`, beside `answerable`
 *   and `elsewhere`: every third question, asked about the two parties of the next conversation of its half). `locomo-all-*`
 *   are the sessions of all five categories, for who counts those turns as found. A session is wanted when it has a turn of the evidence;
 *   all sessions of the conversation are ranked. A picture counts by its caption. A question is asked about the two parties of its conversation.
 * - Rows under `locomo-` are what a company finds without an encoder, which is what one has that names none in company.ts. `encoder-*` are the
 *   same questions where it says `encoder: 'offline'`: vectors are made on demand, so the first questions of a conversation
 *   find few. They are there with --full, or once the vectors are in .cache/: that is about 8,000 texts at 0.1 s each, 15 minutes.
 * - A task's question is the whole of its user scenario's instructions; what it wants are its required documents.
 * - R@k: share of a question's evidence among the first k; any@k: whether one of it is there; NDCG@5 with gains of 1. All are means over questions.
 * - Choosing half: conversations and tasks with an even index, in the order of the files. Weights and thresholds were fitted on
 *   it. Reporting half: the others. `value` is the reporting half, `choosing` the other, `limit` what plain FTS5
 *   finds on the reporting half.
 * - Precision is within a budget of 500 tokens.
 */
import { joinConversation } from '../src/context/conversations.ts'
import { addDocument } from '../src/context/documents/documents.ts'
import { CHARACTERS_PER_TOKEN, Recall, type Recalled } from '../src/context/recall/recall.ts'
import { entity, workflow, z } from '../src/index.ts'
import { FakeClock, testCompany, type TestCompany } from '../src/testing.ts'
import { banking, locomo, type Asked, type Library, type Talk } from './recall-data.ts'
import { CachedEncoder, vectorsAreCached } from './recall-encoder.ts'
import { PlainSearch } from './recall-plain.ts'
import { percentile, round, type Bench, type Row } from './report.ts'

const EVERYTHING = 1_000_000
const BUDGET = 500
const ADVERSARIAL = 5

const Person = entity('person', { name: z.string().optional() })
const meet = workflow('meet', { input: z.object({ who: z.string() }) }, async (ctx, { who }) => {
  return (await ctx.facts.about(Person, who)).id
})

/** Means over questions, of each half. */
class Scores {
  readonly #sums = new Map<string, [[number, number], [number, number]]>()

  add(name: string, half: 0 | 1, value: number): void {
    const sums = this.#sums.get(name) ?? [
      [0, 0],
      [0, 0],
    ]
    this.#sums.set(name, sums)
    sums[half][0] += value
    sums[half][1]++
  }

  row(name: string, plain?: string): Row {
    const [choosing, reporting] = this.#means(name)
    const limit = plain === undefined ? undefined : this.#means(plain)[1]
    return {
      case: name,
      value: reporting,
      unit: 'fraction',
      ...(limit === undefined ? {} : { limit, ratio: round(reporting / limit) }),
      choosing,
      questions: this.#sums.get(name)![1][1],
    }
  }

  #means(name: string): [number, number] {
    const [a, b] = this.#sums.get(name)!
    return [round(a[0] / a[1]), round(b[0] / b[1])]
  }
}

const found = (order: readonly string[], wanted: readonly string[]) =>
  order.filter((name) => wanted.includes(name)).length

function recallAt(k: number, order: readonly string[], wanted: readonly string[]): number {
  return found(order.slice(0, k), wanted) / wanted.length
}

function ndcgAt5(order: readonly string[], wanted: readonly string[]): number {
  const gain = (i: number) => 1 / Math.log2(i + 2)
  let got = 0
  let best = 0
  for (let i = 0; i < 5; i++) {
    if (order[i] !== undefined && wanted.includes(order[i]!)) got += gain(i)
    if (i < wanted.length) best += gain(i)
  }
  return got / best
}

function sessionScores(
  scores: Scores,
  as: string,
  half: 0 | 1,
  sessions: readonly string[],
  wanted: readonly string[],
): void {
  scores.add(`${as}-sessions-hit@1`, half, wanted.includes(sessions[0] ?? '') ? 1 : 0)
  scores.add(`${as}-sessions-ndcg@5`, half, ndcgAt5(sessions, wanted))
  scores.add(`${as}-sessions-r@10`, half, recallAt(10, sessions, wanted))
}

/** What a recall with this budget answers of it: in order, what does not fit passed over. */
function firstWithin<P extends { readonly text: string }>(tokens: number, passages: readonly P[]): P[] {
  let left = tokens * CHARACTERS_PER_TOKEN
  return passages.filter(({ text }) => {
    const fits = text.length <= left
    if (fits) left -= text.length
    return fits
  })
}

const sessionOf = (turn: string) => turn.split(':')[0]!
const partyOf = (talk: Talk, speaker: string) => `${speaker}@${talk.name}.example`.toLowerCase()

/** Answers the entities that each talk is about, and the session that each conversation is. */
async function tellAll(company: TestCompany, talks: readonly Talk[]) {
  const conversations = new Map<string, string>()
  const about = new Map<string, string[]>()
  for (const talk of talks) {
    const ids: string[] = []
    for (const speaker of new Set(talk.turns.map((turn) => turn.speaker))) {
      const run = await company.run(meet, { who: partyOf(talk, speaker) })
      ids.push((await company.result(run)) as string)
    }
    about.set(talk.name, ids)
  }
  const turns = talks
    .flatMap((talk) => talk.turns.map((turn) => ({ talk, turn })))
    .sort((a, b) => a.turn.at - b.turn.at)
  const { store } = company.open
  for (const { talk, turn } of turns) {
    company.clock.jump(Math.max(0, turn.at - company.clock.now()))
    const { event, guards } = await joinConversation(store, {
      message: `${talk.name} ${turn.key}`,
      direction: 'in',
      party: partyOf(talk, turn.speaker),
      subject: '',
      text: turn.text,
      ids: [`${talk.name} ${turn.session}`, `${talk.name} ${turn.key}`],
    })
    // The company has a conversation of its own with each of the two; what is ranked here are sessions of both.
    const session = { ...event, stream: `conv_${talk.name} ${turn.session}` }
    conversations.set(session.stream, turn.session)
    await store.commit({ key: `${talk.name} ${turn.key}`, events: [session], guards })
  }
  await company.open.recall.upToDate()
  return { about, conversations }
}

async function askTalks(
  talks: readonly Talk[],
  scores: Scores,
  times: number[],
  encoder: CachedEncoder | null,
  note: (line: string) => void,
): Promise<void> {
  const first = Math.min(...talks.flatMap((talk) => talk.turns.map((turn) => turn.at)))
  await using company = await testCompany({ clock: new FakeClock(first - 86_400_000), workflows: [meet] })
  const { about, conversations } = await tellAll(company, talks)
  note('conversations are in')
  const meaning = encoder && new Recall(company.open.store, encoder)
  await meaning?.upToDate()
  for (const [i, talk] of talks.entries()) {
    const half = i % 2 === 0 ? 0 : 1
    const texts = new Map(talk.turns.map((turn) => [turn.key, `${turn.speaker}: ${turn.text}`]))
    const wholes = new Map<string, string>()
    for (const [key, text] of texts) wholes.set(sessionOf(key), `${wholes.get(sessionOf(key)) ?? ''}\n${text}`)
    const plainTurns = new PlainSearch(texts)
    const plainSessions = new PlainSearch(wholes)
    for (const question of talk.questions) {
      const asked = {
        query: question.text,
        about: about.get(talk.name)!,
        budget: EVERYTHING,
        kinds: ['message'] as const,
      }
      const began = performance.now()
      const answer = await company.open.recall.recall(asked)
      times.push(performance.now() - began)
      nothingScores(scores, 'locomo', half, question, answer)
      const sessions = sessionsOf(answer, conversations)
      const wanted = [...new Set(question.evidence.map(sessionOf))]
      sessionScores(scores, 'locomo-all', half, sessions, wanted)
      const meant = meaning && (await meaning.recall(asked))
      // What is made ahead is made before the next question, so that a second run finds the same.
      await meaning?.stop()
      if (meant) nothingScores(scores, 'encoder', half, question, meant)
      if (question.category === ADVERSARIAL) continue
      precisionScores(scores, half, talk, question, answer)
      scores.add('locomo-turns-r@10', half, recallAt(10, turnsOf(answer.passages), question.evidence))
      scores.add('plain-turns-r@10', half, recallAt(10, plainTurns.find(question.text), question.evidence))
      sessionScores(scores, 'locomo', half, sessions, wanted)
      sessionScores(scores, 'plain', half, plainSessions.find(question.text), wanted)
      if (!meant) continue
      scores.add('encoder-turns-r@10', half, recallAt(10, turnsOf(meant.passages), question.evidence))
      sessionScores(scores, 'encoder', half, sessionsOf(meant, conversations), wanted)
    }
    plainTurns.close()
    plainSessions.close()
    note(`${talk.name}: ${talk.questions.length} questions`)
  }
  for (const [i, talk] of talks.entries()) {
    const elsewhere = about.get(talks[(i + 2) % talks.length]!.name)!
    if (elsewhere === about.get(talk.name)) continue
    const half = i % 2 === 0 ? 0 : 1
    for (const { text, category } of talk.questions.filter((_, n) => n % 3 === 0)) {
      if (category === ADVERSARIAL) continue
      const asked = { query: text, about: elsewhere, budget: EVERYTHING, kinds: ['message'] as const }
      scores.add('locomo-elsewhere-nothing', half, isNothing(await company.open.recall.recall(asked)))
      if (meaning) scores.add('encoder-elsewhere-nothing', half, isNothing(await meaning.recall(asked)))
      await meaning?.stop()
    }
  }
}

const turnsOf = (passages: Recalled['passages']) => [...new Set(passages.map((p) => p.citation.source.split(' ')[1]!))]

function sessionsOf({ documents }: Recalled, conversations: ReadonlyMap<string, string>): string[] {
  return documents.flatMap(({ doc }) => conversations.get(doc) ?? [])
}

const isNothing = ({ passages }: Recalled) => (firstWithin(BUDGET, passages).length === 0 ? 1 : 0)

function nothingScores(scores: Scores, as: string, half: 0 | 1, { category }: Asked, answer: Recalled): void {
  scores.add(`${as}-${category === ADVERSARIAL ? 'ascribed' : 'answerable'}-nothing`, half, isNothing(answer))
}

function precisionScores(scores: Scores, half: 0 | 1, talk: Talk, { evidence }: Asked, { passages }: Recalled): void {
  const short = firstWithin(BUDGET, passages)
  const some = turnsOf(short)
  scores.add('locomo-within-budget', half, found(some, evidence) / evidence.length)
  if (short.length === 0) return
  scores.add('locomo-off-the-point', half, 1 - found(some, evidence) / some.length)
  const away = short.filter((p) => !p.citation.source.startsWith(`${talk.name} `)).length
  scores.add('locomo-out-of-scope', half, away / short.length)
}

async function askLibrary(library: Library, scores: Scores, times: number[]): Promise<void> {
  await using company = await testCompany()
  const { store } = company.open
  const names = new Map<string, string>()
  for (const { id, title, content } of library.documents) {
    const doc = {
      text: content,
      title,
      mediaType: 'text/markdown',
      name: id,
      about: [],
      trust: 'operator',
      source: null,
    } as const
    const { document, events, guards, also } = await addDocument(
      store,
      { ...doc, original: null, raw: null },
      { actor: 'operator' },
    )
    await store.commit({ key: id, events, guards, also })
    names.set(document, id)
  }
  await company.open.recall.upToDate()
  const plain = new PlainSearch(new Map(library.documents.map((d) => [d.id, `${d.title}\n${d.content}`])))
  for (const [i, task] of library.tasks.entries()) {
    const half = i % 2 === 0 ? 0 : 1
    const began = performance.now()
    const { documents } = await company.open.recall.recall({
      query: task.text,
      budget: EVERYTHING,
      kinds: ['document'],
    })
    times.push(performance.now() - began)
    documentScores(
      scores,
      'tau2',
      half,
      documents.flatMap(({ doc }) => names.get(doc.split('@')[0]!) ?? []),
      task,
    )
    documentScores(scores, 'plain-tau2', half, plain.find(task.text), task)
  }
  plain.close()
}

function documentScores(scores: Scores, as: string, half: 0 | 1, order: readonly string[], task: Asked): void {
  scores.add(`${as}-r@10`, half, recallAt(10, order, task.evidence))
  scores.add(`${as}-any@10`, half, found(order.slice(0, 10), task.evidence) > 0 ? 1 : 0)
}

function timing(name: string, times: readonly number[]): Row {
  const sorted = Float64Array.from(times).sort()
  return {
    case: name,
    value: round(percentile(sorted, 0.5)),
    unit: 'ms',
    p50_ms: round(percentile(sorted, 0.5)),
    p99_ms: round(percentile(sorted, 0.99)),
  }
}

const SESSIONS = ['sessions-hit@1', 'sessions-ndcg@5', 'sessions-r@10']
const FOUND = [...SESSIONS, 'turns-r@10']
const NOTHING = ['answerable-nothing', 'elsewhere-nothing', 'ascribed-nothing']
const ABOUT = ['within-budget', 'off-the-point', 'out-of-scope']

export const bench: Bench = {
  name: 'recall',
  says:
    'Evidence found by recall: LoCoMo (questions about conversations) and the banking documents of tau2-bench, fractions of the reporting\n' +
    'half; beside it the choosing half. Limit: plain FTS5 on the same questions, which is the baseline here.',
  async run({ quick, full, note }) {
    const scores = new Scores()
    const rows: Row[] = []
    const talks = await locomo()
    if (talks) {
      const times: number[] = []
      const encoder = full || vectorsAreCached() ? new CachedEncoder() : null
      if (!encoder)
        process.stderr.write('bench recall: no vectors are cached: the encoder is left out. --full makes them.\n')
      await askTalks(quick ? talks.slice(0, 4) : talks, scores, times, encoder, note)
      for (const name of FOUND) rows.push(scores.row(`locomo-${name}`, `plain-${name}`))
      for (const name of SESSIONS) rows.push(scores.row(`locomo-all-${name}`))
      if (encoder) {
        for (const name of FOUND) rows.push(scores.row(`encoder-${name}`, `plain-${name}`))
        for (const name of NOTHING) rows.push(scores.row(`encoder-${name}`))
        note(`${encoder.made} texts were encoded in ${Math.round(encoder.ms / 1_000)} s`)
        encoder.close()
      }
      for (const name of [...ABOUT, ...NOTHING]) rows.push(scores.row(`locomo-${name}`))
      rows.push(timing('locomo-time', times))
    } else process.stderr.write('bench recall: ../shared/data/locomo is not there: skipped.\n')
    const library = await banking()
    if (library) {
      const times: number[] = []
      await askLibrary(quick ? { ...library, tasks: library.tasks.slice(0, 10) } : library, scores, times)
      for (const name of ['tau2-r@10', 'tau2-any@10']) rows.push(scores.row(name, `plain-${name}`))
      rows.push(timing('tau2-time', times))
    } else process.stderr.write('bench recall: ../shared/data/tau2-banking is not there: skipped.\n')
    return rows
  },
}
