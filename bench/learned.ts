import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { npmEncoder, type Encoder, type Layers } from '../src/lib/sentence-encoder.ts'
import { Learner, type Example } from '../src/orchestration/learned/learner.ts'
import { french, german, type Samples } from './learned-samples.ts'
import { round, type Bench, type Row } from './report.ts'

const DATA = fileURLToPath(new URL('../../shared/data/banking77/', import.meta.url))
const PRECISION = 0.99

interface Judged {
  readonly right: boolean
  readonly confidence: number
}

/** Encodes a text once, and knows what that took: the rest is the tier's own time. */
function timed(encoder: Encoder): Encoder & { readonly ms: () => number } {
  const known = new Map<string, Layers>()
  let spent = 0
  return {
    name: encoder.name,
    ms: () => spent / Math.max(1, known.size),
    embed: async (texts) => {
      const from = performance.now()
      for (const text of texts) if (!known.has(text)) known.set(text, (await encoder.embed([text]))[0]!)
      spent += performance.now() - from
      return texts.map((text) => known.get(text)!)
    },
  }
}

/** RFC 4180, two columns: text, label. */
async function questions(file: string): Promise<Example[]> {
  const text = await readFile(`${DATA}${file}.csv`, 'utf8')
  const rows = text.matchAll(/^(?:"((?:[^"]|"")*)"|([^",\n]*)),([^,\r\n]+)\r?$/gm)
  return [...rows].slice(1).map(([, quoted, plain, label], i) => ({
    id: `${file}-${i}`,
    text: quoted?.replaceAll('""', '"') ?? plain!,
    label: label!,
  }))
}

/** In an order that says nothing, the same every time: the file is sorted by label. */
function mixed(examples: readonly Example[]): Example[] {
  const key = (i: number) => Math.imul(i + 1, 0x9e3779b1) >>> 0
  return examples
    .map((example, i) => ({ example, key: key(i) }))
    .sort((a, b) => a.key - b.key)
    .map((e) => e.example)
}

async function judge(learner: Learner, examples: readonly Example[]): Promise<Judged[]> {
  const judged: Judged[] = []
  for (const { text, label } of examples) {
    const guess = await learner.guess(text)
    judged.push({ right: guess?.label === label, confidence: guess?.confidence ?? 0 })
  }
  return judged
}

const share = (judged: readonly Judged[]) => judged.filter((j) => j.right).length / judged.length

/** The threshold is what held-out predictions of the examples that were learned say; nothing of `judged` chose it. */
function coverage(learner: Learner, judged: readonly Judged[]) {
  const threshold = learner.threshold(PRECISION)
  const decided = threshold === null ? [] : judged.filter((j) => j.confidence >= threshold)
  return {
    value: round(decided.length / judged.length),
    threshold: round(threshold ?? 1),
    precision: decided.length === 0 ? undefined : round(share(decided)),
  }
}

/** Expected calibration error over 15 bins (Guo et al. 2017). */
function calibrationError(judged: readonly Judged[]): number {
  const bins = Map.groupBy(judged, (j) => Math.min(14, Math.floor(j.confidence * 15)))
  let error = 0
  for (const bin of bins.values()) {
    const said = bin.reduce((sum, j) => sum + j.confidence, 0) / bin.length
    error += (bin.length / judged.length) * Math.abs(said - share(bin))
  }
  return error
}

async function ofLanguage(name: string, samples: Samples, encode: Encoder | null): Promise<Row> {
  const all = Object.entries(samples).flatMap(([label, texts]) =>
    texts.map((text, i) => ({ id: `${label}-${i}`, text, label, test: i % 3 === 2 })),
  )
  const learner = new Learner({ encode })
  await learner.learn(all.filter((e) => !e.test))
  const judged = await judge(
    learner,
    all.filter((e) => e.test),
  )
  const sure = judged.filter((j) => j.confidence >= 0.8)
  return {
    case: `accuracy, ${name}`,
    value: round(share(judged)),
    unit: 'share',
    decisions: all.length - judged.length,
    'coverage at 0.8': round(sure.length / judged.length),
    precision: sure.length === 0 ? undefined : round(share(sure)),
  }
}

export const bench: Bench = {
  name: 'learned',
  says:
    'The learned tier on Banking77 (77 labels): trained on train.csv, asked test.csv. coverage@0.99: the share it decides above a\n' +
    'threshold that held-out folds of the training questions chose, and the precision then reached. ms: without the encoder.',
  async run({ quick, note }) {
    if (!existsSync(`${DATA}train.csv`)) {
      process.stderr.write('bench learned: ../shared/data/banking77 is not there: skipped.\n')
      return []
    }
    const found = await npmEncoder()
    if (!found) note('No sentence encoder is installed: words and n-grams alone.')
    const encoder = found ? timed(found) : null
    const train = mixed(await questions('train')).slice(0, quick ? 600 : undefined)
    const test = mixed(await questions('test')).slice(0, quick ? 200 : undefined)
    for (const { text } of [...train, ...test]) await encoder?.embed([text])
    const encoder_ms = round(encoder?.ms() ?? 0)
    note(`${train.length + test.length} texts encoded, ${encoder_ms} ms each`)
    const curve: Row[] = []
    for (const seen of [100, 300, 1_000, 3_000].filter((n) => n < train.length)) {
      const learner = new Learner({ encode: encoder })
      await learner.learn(train.slice(0, seen))
      const judged = await judge(learner, test)
      curve.push({
        case: `coverage@0.99, ${seen} seen`,
        unit: 'share',
        ...coverage(learner, judged),
        accuracy: round(share(judged)),
      })
      note(`${seen} seen: accuracy ${round(share(judged))}`)
    }
    const learner = new Learner({ encode: encoder })
    const before = performance.now()
    await learner.learn(train)
    const trained = performance.now()
    const judged = await judge(learner, test)
    const asked = performance.now()
    const last = coverage(learner, judged)
    const more = train.slice(0, 20).map((example) => ({ ...example, id: `again-${example.id}` }))
    const from = performance.now()
    for (const example of more) await learner.learn([example])
    const learn_ms = round((performance.now() - from) / more.length)
    return [
      { case: 'accuracy', value: round(share(judged)), unit: 'share', decisions: train.length },
      { case: 'coverage@0.99', unit: 'share', ...last },
      { case: 'ece', value: round(calibrationError(judged)), unit: 'share' },
      { case: 'ms', value: round((asked - trained) / test.length), unit: 'ms', encoder_ms, learn_ms },
      {
        case: 'training',
        value: round((trained - before) / 1_000),
        unit: 's',
        rss_mib: round(process.memoryUsage().rss / 2 ** 20),
      },
      ...curve,
      await ofLanguage('German', german, encoder),
      await ofLanguage('French', french, encoder),
    ]
  },
}
