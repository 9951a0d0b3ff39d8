import { hash } from 'node:crypto'
import type { OpenCompany } from '../open.ts'
import { configuration, readConfigured } from './configuration.ts'
import { readArchive } from './read.ts'
import { inboxesOf } from './write.ts'

/** What two snapshots are compared by. */
export interface Summary {
  readonly events: number
  /** How many events of each kind. */
  readonly kinds: Readonly<Record<string, number>>
  /** SHA-256 of each file of the configuration. */
  readonly files: Readonly<Record<string, string>>
}

/** Of the company as it is now. */
export async function summary(c: OpenCompany): Promise<Summary> {
  const view = await c.store.engine.snapshot()
  try {
    const rows = await view.query('select kind, count(*) as n from event group by kind order by kind')
    const files: Record<string, string> = {}
    for (const file of (await configuration(c.folder, inboxesOf(c))).files)
      files[file] = hash('sha256', await readConfigured(c.folder, file))
    const kinds = Object.fromEntries(rows.map((r) => [String(r.kind), Number(r.n)]))
    return { events: await view.head(), kinds, files }
  } finally {
    await view.close()
  }
}

/** Of an archive, which is verified on the way. Throws what `readArchive` throws. */
export async function summarise(archive: AsyncIterable<Uint8Array>, vkey: string): Promise<Summary> {
  const counts = new Map<string, number>()
  const files: Record<string, string> = {}
  const { events } = await readArchive(archive, vkey, {
    events: async (rows) => {
      for (const { kind } of rows) counts.set(kind, (counts.get(kind) ?? 0) + 1)
    },
    file: async (path, bytes) => void (files[path] = hash('sha256', bytes)),
  })
  return { events, kinds: Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1))), files }
}

/** What people count, by the events that begin one. */
const THINGS: Readonly<Record<string, readonly string[]>> = {
  signals: ['signal.received@1'],
  runs: ['run.started@1'],
  facts: ['fact.asserted@1', 'fact.asserted@2'],
  documents: ['document.added@1'],
  decisions: ['decision.made@1'],
  effects: ['effect.proposed@1'],
  tasks: ['task.added@1'],
  erasures: ['personal.erased@1'],
}

export interface Difference {
  readonly events: number
  /** Of each of `THINGS` that differs: how many more there were ever in the second. */
  readonly things: Readonly<Record<string, number>>
  /** For each kind that differs: how many more there are in the second. */
  readonly kinds: Readonly<Record<string, number>>
  readonly files: Readonly<Record<string, 'added' | 'changed' | 'removed'>>
}

export function difference(a: Summary, b: Summary): Difference {
  const kinds: Record<string, number> = {}
  for (const kind of new Set([...Object.keys(a.kinds), ...Object.keys(b.kinds)])) {
    const more = (b.kinds[kind] ?? 0) - (a.kinds[kind] ?? 0)
    if (more !== 0) kinds[kind] = more
  }
  const things: Record<string, number> = {}
  for (const [name, begins] of Object.entries(THINGS)) {
    const more = begins.reduce((n, kind) => n + (kinds[kind] ?? 0), 0)
    if (more !== 0) things[name] = more
  }
  const files: Record<string, 'added' | 'changed' | 'removed'> = {}
  for (const file of new Set([...Object.keys(a.files), ...Object.keys(b.files)])) {
    if (a.files[file] === b.files[file]) continue
    files[file] = a.files[file] === undefined ? 'added' : b.files[file] === undefined ? 'removed' : 'changed'
  }
  return { events: b.events - a.events, things, kinds, files }
}
