import { rm } from 'node:fs/promises'
import { INDEX_TABLES, removeFromIndex } from '../../context/recall/indexing.ts'
import { erasureById, erasureFinished, type ErasureReport, type ErasureRow } from '../../governance/erasure/events.ts'
import type { OpenCompany } from '../open.ts'
import { copiesOf, dataFolder, filePseudonym, filesIn, nameOf } from './files.ts'

/**
 * What keeps copies outside of the ledger and its projections, and how they go: one line each. All may be called again, for
 * a process that dies in between begins anew.
 */
const CLEANERS: readonly ((c: OpenCompany, report: ErasureReport) => Promise<void>)[] = [
  async (c) => c.agents.learning.forgetAll(),
  async (c) => c.past.forget(),
  (c) => c.snapshots.removeKilled(),
  (c, { sources }) => removeFromIndex(c.store, sources),
  removeFiles,
  (c, { tables, sources }) => c.store.engine.rewrite([...tables, ...(sources.length > 0 ? INDEX_TABLES : [])]),
]

const cleaning = new WeakMap<OpenCompany, Map<string, Promise<void>>>()

/** Cleans up behind an erasure, and records that it is over. Once at a time, whoever asks. */
export function finishErasure(c: OpenCompany, id: string): Promise<void> {
  const running = cleaning.get(c) ?? new Map<string, Promise<void>>()
  cleaning.set(c, running)
  let one = running.get(id)
  if (!one) {
    one = finish(c, id).finally(() => running.delete(id))
    running.set(id, one)
  }
  return one
}

async function finish(c: OpenCompany, id: string): Promise<void> {
  const row = await c.store.first<ErasureRow>(erasureById(id))
  if (!row || row.state === 'done') return
  const report = JSON.parse(row.report) as ErasureReport
  for (const clean of CLEANERS) await clean(c, report)
  await c.store.commit({ key: `${id}:done`, events: [erasureFinished(id, {}, { cause: row.erased_seq })] })
}

async function removeFiles(c: OpenCompany, { keys, files }: ErasureReport): Promise<void> {
  for (const path of await copiesOf(c, keys)) await rm(path, { force: true })
  if (files.length === 0) return
  for await (const path of filesIn(dataFolder(c))) if (files.includes(filePseudonym(c, nameOf(c, path)))) await rm(path)
}
