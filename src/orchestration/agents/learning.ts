import { sql, type Store } from '../../store/index.ts'
import type { DecisionRow } from '../../context/decisions.ts'
import { newestErasure, type ErasureRow } from '../../governance/erasure/events.ts'
import type { Json } from '../../lib/json.ts'

/** A classifier of texts that learns from what the operator decided before, on this machine. */
export interface Classifier {
  learn(examples: readonly { readonly id: string; readonly text: string; readonly label: string }[]): Promise<void>
  forget(ids: readonly string[]): void
  guess(text: string): Promise<Guess | null>
  readonly size: number
}

export interface Guess {
  readonly label: string
  /** 0 to 1. */
  readonly confidence: number
  readonly because: string
  /** Ids of the decisions that are nearest. */
  readonly nearest: readonly string[]
}

/** More than this, and older, is not learned from: what the operator wants changes. */
const NEWEST = 20_000
/** A label is a choice or a short text: longer texts are made, not chosen. */
const MAX_LABEL_CHARS = 80

type Row = Pick<DecisionRow, 'id' | 'tier' | 'value' | 'agreed' | 'corrected' | 'input'> & {
  readonly payload: string | null
  readonly changed: number
}

/** What the operator decided, or confirmed, or put right; of what was erased nothing is learned. */
const changedSince = sql(
  `select d.id, d.tier, d.value, d.agreed, d.corrected, d.input, s.payload,
     coalesce(d.judged_seq, d.decided_seq) as changed
   from decision d left join signal s on s.id = d.signal
   where d.agent = ? and (d.decided_seq > ? or d.judged_seq > ?)
     and (d.tier = 'operator' or d.agreed is not null) and d.retracted_seq is null
   order by 8 desc, d.id limit ?`,
)
const retractedSince = sql('select id, retracted_seq as changed from decision where agent = ? and retracted_seq > ?')

interface Learned {
  readonly classifier: Classifier
  /** Up to which event it has learned. */
  seq: number
  /** One refresh at a time. */
  busy: Promise<void>
}

/**
 * The learned tier: for each agent a classifier over its own past, built when it is first asked and kept up with what is
 * on the record since, whichever process recorded it.
 */
export class Learning {
  readonly #store: Store
  readonly #make: () => Classifier
  readonly #learned = new Map<string, Learned>()
  /** The newest erasure that it has heeded. */
  #erased = -1

  constructor(store: Store, make: () => Classifier) {
    this.#store = store
    this.#make = make
  }

  async guess(agent: string, input: Json): Promise<Guess | null> {
    await this.#heedErasures()
    const learned = this.#learned.get(agent) ?? { classifier: this.#make(), seq: -1, busy: Promise.resolve() }
    this.#learned.set(agent, learned)
    learned.busy = learned.busy.catch(() => {}).then(() => this.#refresh(agent, learned))
    await learned.busy
    const text = readable(input)
    return text === '' || learned.classifier.size === 0 ? null : learned.classifier.guess(text)
  }

  /** Texts were erased: what was learned from them goes, and is learned anew from what is left. */
  forgetAll(): void {
    this.#learned.clear()
  }

  /** Whichever process erased it: what was learned here before goes too. */
  async #heedErasures(): Promise<void> {
    const erased = (await this.#store.first<ErasureRow>(newestErasure()))?.erased_seq ?? -1
    if (erased > this.#erased) this.forgetAll()
    this.#erased = erased
  }

  async #refresh(agent: string, learned: Learned): Promise<void> {
    const since = learned.seq
    const rows = await this.#store.read<Row>(changedSince(agent, since, since, NEWEST))
    const gone = await this.#store.read<{ id: string; changed: number }>(retractedSince(agent, since))
    if (rows.length === 0 && gone.length === 0) return
    const examples = rows.flatMap((row) => {
      const example = exampleOf(row)
      return example ? [example] : []
    })
    // What was corrected is learned under its new label; what has no label any more is not known any more.
    const known = new Set(examples.map((e) => e.id))
    const unknown = [...rows, ...gone].map((r) => r.id).filter((id) => !known.has(id))
    if (unknown.length > 0) learned.classifier.forget(unknown)
    // Oldest first, as it happened.
    if (examples.length > 0) await learned.classifier.learn(examples.reverse())
    learned.seq = Math.max(since, ...rows.map((r) => r.changed), ...gone.map((r) => r.changed))
  }
}

function exampleOf(row: Row): { id: string; text: string; label: string } | null {
  const right = row.agreed === 0 ? row.corrected : row.value
  const about = row.input ?? row.payload
  if (right === null || about === null) return null
  const label: unknown = JSON.parse(right)
  if (typeof label !== 'string' || label.length > MAX_LABEL_CHARS) return null
  const text = readable(JSON.parse(about) as Json)
  return text === '' ? null : { id: row.id, text, label }
}

/**
 * What a person would read of an input: subject and text of a message, else every text in it. What was recalled for it is
 * left out: it was said in another case, and is learned from there.
 */
export function readable(input: Json): string {
  const message = messageOf(input)
  if (message) return `${message.subject}\n${message.text}`
  const texts: string[] = []
  leaves(input, texts)
  return texts.join('\n')
}

function messageOf(input: Json): { readonly subject: string; readonly text: string } | null {
  if (input === null || typeof input !== 'object' || Array.isArray(input)) return null
  const { subject, text } = input as Readonly<Record<string, Json>>
  return typeof subject === 'string' && typeof text === 'string' ? { subject, text } : null
}

function leaves(value: Json, into: string[]): void {
  if (typeof value === 'string') into.push(value)
  else if (value !== null && typeof value === 'object' && !isRecalled(value))
    for (const item of Array.isArray(value) ? value : Object.values(value)) leaves(item as Json, into)
}

function isRecalled(value: Json & object): boolean {
  return (value as { readonly recalled?: Json }).recalled === true
}
