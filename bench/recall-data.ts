import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const DATA = fileURLToPath(new URL('../../shared/data/', import.meta.url))

export interface Turn {
  /** "D3:7": the seventh of the third session. */
  readonly key: string
  readonly session: string
  readonly at: number
  readonly speaker: string
  readonly text: string
}

export interface Asked {
  readonly text: string
  /** LoCoMo's: 5 is adversarial, no turn answers it. */
  readonly category: number
  /** Keys of turns, or names of documents. */
  readonly evidence: readonly string[]
}

export interface Talk {
  readonly name: string
  readonly turns: readonly Turn[]
  readonly questions: readonly Asked[]
}

export interface Library {
  readonly documents: readonly { readonly id: string; readonly title: string; readonly content: string }[]
  readonly tasks: readonly Asked[]
}

/** Null where the folder is absent. */
export async function locomo(): Promise<Talk[] | null> {
  if (!existsSync(join(DATA, 'locomo'))) return null
  const read = async <T>(name: string) => JSON.parse(await readFile(join(DATA, 'locomo', name), 'utf8')) as T
  const corrections = await read<readonly { question_id: string; correct_evidence: readonly string[] }[]>('errors.json')
  const corrected = new Map(corrections.map((c) => [c.question_id, c.correct_evidence]))
  return (await read<readonly RawTalk[]>('locomo10.json')).map((talk, i) => {
    const turns = turnsOf(talk.conversation)
    const keys = new Set(turns.map((turn) => turn.key))
    const questions = talk.qa.map(({ question, category, evidence }, n): Asked => {
      // A few cite several turns in one string, or with a stray colon or zero.
      const cited = (corrected.get(`locomo_${i}_qa${n}`) ?? evidence).join(' ').matchAll(/D:?(\d+):0*(\d+)/g)
      const known = new Set([...cited].map((m) => `D${m[1]}:${m[2]}`).filter((key) => keys.has(key)))
      return { text: question, category, evidence: [...known] }
    })
    return { name: talk.sample_id, turns, questions: questions.filter((q) => q.evidence.length > 0) }
  })
}

interface RawTalk {
  readonly sample_id: string
  readonly conversation: Readonly<Record<string, unknown>>
  readonly qa: readonly { readonly question: string; readonly category: number; readonly evidence: readonly string[] }[]
}

interface RawTurn {
  readonly speaker: string
  readonly dia_id: string
  readonly text: string
  /** What a picture that was sent shows, as its authors' own retrieval has it. */
  readonly blip_caption?: string
}

function turnsOf(talk: Readonly<Record<string, unknown>>): Turn[] {
  const turns: Turn[] = []
  for (let s = 1; `session_${s}_date_time` in talk; s++) {
    const at = timeOf(talk[`session_${s}_date_time`] as string)
    for (const [n, raw] of ((talk[`session_${s}`] ?? []) as readonly RawTurn[]).entries()) {
      const text = raw.blip_caption ? `${raw.text} (shares ${raw.blip_caption})` : raw.text
      turns.push({ key: raw.dia_id, session: `D${s}`, at: at + n * 30_000, speaker: raw.speaker, text })
    }
  }
  return turns
}

/** "1:56 pm on 8 May, 2023" */
function timeOf(text: string): number {
  const [, hour, minute, half, date] = /(\d+):(\d+) (am|pm) on (.+)/.exec(text)!
  const at = Date.parse(`${date!.replace(',', '')} 00:00 UTC`)
  return at + (((Number(hour) % 12) + (half === 'pm' ? 12 : 0)) * 60 + Number(minute)) * 60_000
}

/** Null where the folder is absent. */
export async function banking(): Promise<Library | null> {
  const folder = join(DATA, 'tau2-banking')
  if (!existsSync(folder)) return null
  const all = async <T>(of: string) =>
    Promise.all(
      (await readdir(join(folder, of)))
        .sort()
        .map(async (name) => JSON.parse(await readFile(join(folder, of, name), 'utf8')) as T),
    )
  const tasks = await all<{ user_scenario: { instructions: string }; required_documents: readonly string[] }>('tasks')
  return {
    documents: await all('documents'),
    tasks: tasks.map((t) => ({ text: t.user_scenario.instructions, category: 0, evidence: t.required_documents })),
  }
}
