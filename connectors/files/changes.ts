import { z } from 'zod'
import type { ActionContext, ActionError, Json, Reconciled } from '../../src/connector.ts'
import { putFile, readState, removeFile, type Kept, type State } from './contents.ts'
import { refused } from './errors.ts'
import { removeMade, type Root } from './paths.ts'

const FileState = z.object({ sha256: z.string(), mode: z.number() }).nullable()

/** What became of files: before and after, null where there was or is none; and the folders that were made for it. */
export const Changes = z.object({
  changes: z.array(z.object({ path: z.string(), before: FileState, after: FileState })),
  made: z.array(z.string()),
})
export type Changes = z.infer<typeof Changes>
type Change = Changes['changes'][number]

/** What is kept about a key before anything is changed, and again after. */
const Note = Changes.extend({ done: z.boolean() })

/** The contents that a note names. */
export function hashesIn(note: unknown): string[] {
  return Note.parse(note).changes.flatMap(({ before, after }) => [before?.sha256 ?? [], after?.sha256 ?? []].flat())
}

/** What the connector opened. */
export interface FilesConnection {
  readonly roots: readonly Root[]
  readonly kept: Kept
  /** One thing at a time: a search for what a call did comes after the call. */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>
}

/** What is wanted of the files, found out once for a key and kept, so that every try does the same. */
export type Plan = (connection: FilesConnection) => Promise<readonly Change[]>

const connectionOf = (ctx: ActionContext) => ctx.connection as FilesConnection

export async function stateOf(connection: FilesConnection, path: string): Promise<State | null> {
  return (await readState(connection.roots, path))?.state ?? null
}

/** How the files of some changes are, as one of the two ways in which they were meant to be, or neither. */
async function standing(
  connection: FilesConnection,
  changes: readonly Change[],
): Promise<'before' | 'after' | 'neither'> {
  const now = await Promise.all(changes.map((change) => stateOf(connection, change.path)))
  const are = (when: 'before' | 'after') => changes.every((change, i) => change[when]?.sha256 === now[i]?.sha256)
  return are('after') ? 'after' : are('before') ? 'before' : 'neither'
}

/** Makes the changes once for a key. What an earlier try left half done is finished. */
export function change(plan: Plan, ctx: ActionContext): Promise<Changes> {
  const connection = connectionOf(ctx)
  const { kept } = connection
  return connection.alone(async () => {
    const noted = await noteOf(kept, ctx.key)
    if (noted?.done) return { changes: noted.changes, made: noted.made }
    const changes = [...(noted?.changes ?? (await plan(connection)))]
    // Durable before the first change: where there is no note, nothing was changed.
    if (!noted) await kept.note(ctx.key, { changes, made: [], done: false })
    ctx.signal.throwIfAborted()
    const made: string[] = [...(noted?.made ?? [])]
    for (const one of changes) made.push(...(await apply(connection, one, 'before', 'after')))
    await kept.note(ctx.key, { changes, made, done: true })
    return { changes, made }
  })
}

/** Brings one file from one state to the other. A file that is in neither was changed by someone else. */
async function apply(
  { roots, kept }: FilesConnection,
  change: Change,
  from: 'before' | 'after',
  to: 'before' | 'after',
): Promise<readonly string[]> {
  const { path } = change
  const now = (await readState(roots, path))?.state ?? null
  const target = change[to]
  if (now?.sha256 === target?.sha256 && (now?.mode === target?.mode || from === 'before')) return []
  if (now?.sha256 !== change[from]?.sha256) throw changedSince(path)
  if (target === null) {
    await removeFile(roots, path)
    return []
  }
  const bytes = await kept.content(target.sha256)
  return putFile(roots, path, { bytes, mode: target.mode, fresh: now === null })
}

function changedSince(path: string): ActionError {
  return refused(
    'changed_since',
    `${path} was changed by someone else since. Look at it, and decide what it should be.`,
  )
}

/** Looks for what an earlier try did: the note says what it meant to do, and the files whether it did. */
export function findChange(ctx: ActionContext): Promise<Reconciled<Changes>> {
  const connection = connectionOf(ctx)
  return connection.alone(async () => {
    const noted = await noteOf(connection.kept, ctx.key)
    if (!noted) return { found: 'no' }
    const output = { changes: noted.changes, made: noted.made }
    if (noted.done) return { found: 'yes', output }
    const stand = await standing(connection, noted.changes)
    if (stand === 'after') return { found: 'yes', output }
    return { found: stand === 'before' ? 'no' : 'unknown' }
  })
}

/** Puts back what was there, newest first. Throws `files.changed_since` where someone else has changed it. */
export function putBack(done: Changes, ctx: ActionContext): Promise<void> {
  const connection = connectionOf(ctx)
  return connection.alone(async () => {
    // All or nothing, as far as can be seen: a move of which one end was changed is not half taken back.
    for (const one of done.changes) {
      const now = await stateOf(connection, one.path)
      if (![one.before?.sha256, one.after?.sha256].includes(now?.sha256)) throw changedSince(one.path)
    }
    ctx.signal.throwIfAborted()
    for (const one of done.changes.toReversed()) await apply(connection, one, 'after', 'before')
    await removeMade(connection.roots, done.made)
  })
}

export function findPutBack(done: Changes, ctx: ActionContext): Promise<Reconciled<null>> {
  const connection = connectionOf(ctx)
  return connection.alone(async () => {
    const stand = await standing(connection, done.changes)
    if (stand === 'before') return { found: 'yes', output: null }
    return { found: stand === 'after' ? 'no' : 'unknown' }
  })
}

/** What an approval rests on: the files as they are. */
export async function observed(paths: readonly string[], ctx: ActionContext): Promise<Json> {
  const connection = connectionOf(ctx)
  return connection.alone(async () => {
    const states = await Promise.all(
      paths.map(async (path) => [path, (await stateOf(connection, path))?.sha256 ?? null]),
    )
    return Object.fromEntries(states) as Json
  })
}

async function noteOf(kept: Kept, key: string): Promise<z.infer<typeof Note> | null> {
  const noted = await kept.noted(key)
  return noted === null ? null : Note.parse(noted)
}
