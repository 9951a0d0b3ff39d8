import { z } from 'zod'
import { action, ActionError, type ActionContext } from '../../src/connector.ts'
import {
  commitAndPush,
  commitOf,
  entriesAt,
  fetchHead,
  namesEffect,
  same,
  writeBlob,
  type Branch,
  type Change,
} from './branch.ts'
import { GitFailure, gitIn, type Remote } from './git.ts'

/** What the connector opened. */
export interface PublishConnection {
  readonly folder: string
  readonly remote: Remote
  readonly author: { readonly name: string; readonly email: string }
  /** Only below these; null for anywhere. */
  readonly allow: readonly string[] | null
  /** One thing at a time: a search for what a push did comes after the push. */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>
}

const MAX_FILES = 200
const NEW_FILE_MODE = '100644'
const TIMEOUT = '2m'
const SEGMENT = /^(?!\.{1,2}$)[^/\\\p{Cc}\p{Cs}]{1,255}$/u

/** Whether some file system takes it for `.git`: HFS+ sees no format characters, NTFS no dots, blanks and streams at the end. */
function isGits(segment: string): boolean {
  const bare = segment.replaceAll(/\p{Cf}/gu, '').replace(/:.*$/s, '')
  return /^(\.git|git~\d+)[. ]*$/i.test(bare)
}

/** A path in the repository, parts separated by "/". */
const Path = z
  .string()
  .max(1_024)
  .refine(
    (path) => path.split('/').every((segment) => SEGMENT.test(segment) && !isGits(segment)),
    'must be relative, without "..", ".git", empty parts, backslashes or control characters',
  )

const Entry = z.object({ mode: z.string(), blob: z.string() }).nullable()

const Commit = z.object({
  files: z
    .array(
      z.object({
        path: Path,
        /** Null deletes it. */
        content: z.string().nullable(),
        encoding: z.enum(['utf8', 'base64']).default('utf8'),
      }),
    )
    .min(1)
    .max(MAX_FILES)
    .refine((files) => new Set(files.map(({ path }) => path)).size === files.length, 'must name each path once')
    .refine(
      (files) => !files.some(({ path }) => files.some((other) => other.path.startsWith(`${path}/`))),
      'must not name a file and something below it',
    ),
  message: z
    .string()
    .trim()
    .min(1)
    .max(10_000)
    .refine((text) => !text.includes('\0') && !namesEffect(text), 'must not name an effect: that is added'),
})

/** `commit` is null where the branch held all of it already. */
const Committed = z.object({
  commit: z.string().nullable(),
  branch: z.string(),
  changes: z.array(z.object({ path: z.string(), before: Entry, after: Entry })),
})
type Committed = z.infer<typeof Committed>

const firstLine = (message: string) => message.split('\n')[0]!.slice(0, 200)

/** Runs git for one call, after the calls before it. */
function on<T>(ctx: ActionContext, work: (branch: Branch) => Promise<T>): Promise<T> {
  const { folder, remote, author, alone } = ctx.connection as PublishConnection
  const git = gitIn(folder, remote, ctx.signal)
  return alone(() => work({ git, folder, url: remote.url, name: remote.branch, author })).catch((error: unknown) => {
    // Fetches and pushes say themselves what they came to: what is left is work in our own repository.
    if (!(error instanceof GitFailure)) throw error
    throw new ActionError('transient', 'publish.git', `Nothing was pushed: ${error.message}`)
  })
}

function checkAllowed(ctx: ActionContext, paths: readonly string[]): void {
  const { allow } = ctx.connection as PublishConnection
  const outside = paths.find((path) => allow !== null && !allow.some((folder) => path.startsWith(`${folder}/`)))
  if (outside !== undefined)
    throw new ActionError(
      'domain',
      'publish.outside',
      `${outside} is in none of the folders that may be published: ${allow!.join(', ')}.`,
    )
}

/** Commits files to the branch and pushes them. Undone by a commit that puts back what was there. */
export const commit = action('publish.commit', {
  risk: 'reversible',
  input: Commit,
  output: Committed,
  timeout: TIMEOUT,
  // A push that comes late finds that the branch has moved, or is found by the next one.
  absentAfter: 0,
  // Every try first looks for the commit of the one before.
  idempotent: true,
  title: (input) => `Publish: ${firstLine(input.message)}`,
  observe: (input, ctx) =>
    on(ctx, async (branch) => {
      const paths = input.files.map(({ path }) => path)
      const entries = await entriesAt(branch, await fetchHead(branch), paths)
      return Object.fromEntries(paths.map((path, i) => [path, entries[i]?.blob ?? null]))
    }),
  run: (input, ctx) =>
    on(ctx, async (branch) => {
      const paths = input.files.map(({ path }) => path)
      checkAllowed(ctx, paths)
      const blobs: (string | null)[] = []
      for (const { content, encoding } of input.files)
        blobs.push(content === null ? null : await writeBlob(branch, Buffer.from(content, encoding)))
      let first: readonly Change['before'][] | undefined
      const { commit: id, changes } = await commitAndPush(
        branch,
        { key: ctx.key, message: input.message, at: ctx.proposedAt },
        async (head) => {
          const now = await entriesAt(branch, head, paths)
          first ??= now
          const moved = paths.find((_, i) => !same(first![i]!, now[i]!))
          if (moved !== undefined)
            throw new ActionError(
              'domain',
              'publish.conflict',
              `${moved} was changed by someone else at the same time. Look at it and publish anew.`,
            )
          return paths.map((path, i) => ({
            path,
            before: now[i]!,
            after: blobs[i] === null ? null : { mode: now[i]?.mode ?? NEW_FILE_MODE, blob: blobs[i]! },
          }))
        },
      )
      // Found: an earlier try under this key had pushed it.
      if (id !== null && changes.length === 0) return committedAs(branch, id, paths)
      return { commit: id, branch: branch.name, changes: [...changes] }
    }),
  reconcile: (input, ctx) =>
    on(ctx, async (branch) => {
      const found = await commitOf(branch, await fetchHead(branch), ctx.key)
      if (found === null) return { found: 'no' }
      return {
        found: 'yes',
        output: await committedAs(
          branch,
          found,
          input.files.map(({ path }) => path),
        ),
      }
    }),
  undo: (input, done, ctx) =>
    on(ctx, async (branch) => {
      if (done.commit === null) return
      const message = `Revert "${firstLine(input.message)}"\n\nThis reverts commit ${done.commit}.`
      await commitAndPush(branch, { key: ctx.key, message, at: ctx.proposedAt }, async (head) => {
        const now = await entriesAt(
          branch,
          head,
          done.changes.map(({ path }) => path),
        )
        return done.changes.map(({ path, before, after }, i) => {
          if (!same(now[i]!, after))
            throw new ActionError(
              'domain',
              'publish.changed_since',
              `${path} was changed by someone else since. Look at it, and decide what it should be.`,
            )
          return { path, before: after, after: before }
        })
      })
    }),
  reconcileUndo: (_input, done, ctx) =>
    on(ctx, async (branch) => {
      if (done.commit === null) return { found: 'yes', output: null }
      const found = await commitOf(branch, await fetchHead(branch), ctx.key)
      return found === null ? { found: 'no' } : { found: 'yes', output: null }
    }),
})

/** What a commit of ours did, read from the repository. */
async function committedAs(branch: Branch, id: string, paths: readonly string[]): Promise<Committed> {
  const before = await entriesAt(branch, `${id}^`, paths)
  const after = await entriesAt(branch, id, paths)
  const changes = paths.map((path, i) => ({ path, before: before[i]!, after: after[i]! }))
  return { commit: id, branch: branch.name, changes: changes.filter((c) => !same(c.before, c.after)) }
}
