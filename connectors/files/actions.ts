import { z } from 'zod'
import { action, type ActionContext } from '../../src/connector.ts'
import {
  change,
  Changes,
  findChange,
  findPutBack,
  observed,
  putBack,
  stateOf,
  type FilesConnection,
} from './changes.ts'
import { readState, sha256 } from './contents.ts'
import { refused } from './errors.ts'
import { Path } from './paths.ts'

const NEW_FILE_MODE = 0o644
/** What fits into the record of a read. */
const MAX_READ_BYTES = 512 * 1024

/** What every action that changes files shares: a note is kept under its key, so that it is done once. */
const shared = {
  risk: 'reversible',
  output: Changes,
  idempotent: true,
  // What it does it does in this process: nothing of it comes late.
  absentAfter: 0,
  reconcile: (_input: unknown, ctx: ActionContext) => findChange(ctx),
  undo: (_input: unknown, done: Changes, ctx: ActionContext) => putBack(done, ctx),
  reconcileUndo: (_input: unknown, done: Changes, ctx: ActionContext) => findPutBack(done, ctx),
} as const

/** `base64` is for what is no text. */
const Write = z.object({
  path: Path,
  content: z.string(),
  encoding: z.enum(['utf8', 'base64']).default('utf8'),
})

/** Writes a file, in place of the one that is there. Its permissions stay; a new one is readable by everyone. */
export const write = action('files.write', {
  ...shared,
  input: Write,
  title: (input) => `Write ${input.path}`,
  observe: (input, ctx) => observed([input.path], ctx),
  run: (input, ctx) =>
    change(async (connection) => {
      const bytes = Buffer.from(input.content, input.encoding)
      const there = await readState(connection.roots, input.path)
      if (there) await connection.kept.keep(there.bytes)
      await connection.kept.keep(bytes)
      const before = there?.state ?? null
      return [{ path: input.path, before, after: { sha256: sha256(bytes), mode: before?.mode ?? NEW_FILE_MODE } }]
    }, ctx),
})

/** Moves a file to where none is. */
export const move = action('files.move', {
  ...shared,
  input: z.object({ from: Path, to: Path }).refine(({ from, to }) => from !== to, 'must be two places'),
  title: (input) => `Move ${input.from} to ${input.to}`,
  observe: (input, ctx) => observed([input.from, input.to], ctx),
  run: (input, ctx) =>
    change(async (connection) => {
      const { bytes, state } = await present(connection, input.from)
      if (await stateOf(connection, input.to))
        throw refused('exists', `${input.to} is there already. Choose another name, or delete it first.`)
      await connection.kept.keep(bytes)
      // First to its new place: a move that is broken off leaves it twice, never not at all.
      return [
        { path: input.to, before: null, after: state },
        { path: input.from, before: state, after: null },
      ]
    }, ctx),
})

export const remove = action('files.delete', {
  ...shared,
  input: z.object({ path: Path }),
  title: (input) => `Delete ${input.path}`,
  observe: (input, ctx) => observed([input.path], ctx),
  run: (input, ctx) =>
    change(async (connection) => {
      const { bytes, state } = await present(connection, input.path)
      await connection.kept.keep(bytes)
      return [{ path: input.path, before: state, after: null }]
    }, ctx),
})

export const read = action('files.read', {
  risk: 'read',
  input: z.object({ path: Path }),
  output: z.object({
    path: z.string(),
    /** Text as it is; anything else as base64. */
    content: z.string(),
    encoding: z.enum(['utf8', 'base64']),
    sha256: z.string(),
    bytes: z.number(),
  }),
  title: (input) => `Read ${input.path}`,
  run: async ({ path }, ctx) => {
    const connection = ctx.connection as FilesConnection
    const { bytes, state } = await connection.alone(() => present(connection, path))
    if (bytes.length > MAX_READ_BYTES)
      throw refused('too_large', `${path} has ${bytes.length} bytes; the most that is read is ${MAX_READ_BYTES}.`)
    const text = bytes.toString('utf8')
    const encoding = Buffer.from(text).equals(bytes) ? 'utf8' : 'base64'
    return { path, content: bytes.toString(encoding), encoding, sha256: state.sha256, bytes: bytes.length } as const
  },
})

async function present(connection: FilesConnection, path: string) {
  const there = await readState(connection.roots, path)
  if (there) return there
  throw refused('missing', `${path} is not there. Check the path.`)
}
