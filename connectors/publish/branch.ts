import { hash, randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ActionError } from '../../src/connector.ts'
import { lookFailed, pushFailed } from './failures.ts'
import type { Git } from './git.ts'

/** What stands at a path in a commit. */
export interface Entry {
  /** `100644`, or `100755` for programs. */
  readonly mode: string
  readonly blob: string
}

export interface Change {
  readonly path: string
  readonly before: Entry | null
  readonly after: Entry | null
}

/** A branch of a remote repository, as it was last fetched, in a bare repository of our own. */
export interface Branch {
  readonly git: Git
  readonly folder: string
  readonly url: string
  readonly name: string
  readonly author: { readonly name: string; readonly email: string }
}

const FETCHED = 'refs/factotum/fetched'
const TRAILER = 'Factotum-Effect'
/** So often somebody else may push between our look and our push. */
const MAX_MOVED = 5

/** The remote branch's newest commit. */
export async function fetchHead(branch: Branch): Promise<string> {
  const ref = `+refs/heads/${branch.name}:${FETCHED}`
  const options = ['--quiet', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance']
  await branch.git(['fetch', ...options, '--', branch.url, ref]).catch((error: unknown) => {
    throw lookFailed(error)
  })
  return (await branch.git(['rev-parse', '--verify', '--end-of-options', `${FETCHED}^{commit}`])).trim()
}

/** What is at the paths in a commit, in their order. Throws where one is, or leads over, a link or a submodule. */
export async function entriesAt(branch: Branch, commit: string, paths: readonly string[]): Promise<(Entry | null)[]> {
  const ways = new Set(paths.flatMap(prefixes))
  const found = new Map<string, Entry>()
  const listed = await branch.git(['--literal-pathspecs', 'ls-tree', '-z', '-t', '--full-tree', commit, '--', ...ways])
  for (const line of listed.split('\0').filter((text) => text !== '')) {
    const [, mode, type, blob, path] = /^(\d+) (\w+) (\w+)\t(.*)$/s.exec(line) ?? []
    const wanted = paths.includes(path!)
    if (wanted ? type !== 'blob' || mode === '120000' : ways.has(path!) && type !== 'tree')
      throw new ActionError(
        'domain',
        'publish.not_a_file',
        `${path} is no plain file or folder there. Choose another path.`,
      )
    if (wanted) found.set(path!, { mode: mode!, blob: blob! })
  }
  return paths.map((path) => found.get(path) ?? null)
}

/** `a/b/c` and the folders on the way: `a`, `a/b`. */
function prefixes(path: string): string[] {
  const parts = path.split('/')
  return parts.map((_, i) => parts.slice(0, i + 1).join('/'))
}

export async function writeBlob(branch: Branch, bytes: Uint8Array): Promise<string> {
  return (await branch.git(['hash-object', '-w', '--stdin'], { input: bytes })).trim()
}

/** The commit of an effect, looked for by its key in what was fetched; null where there is none. */
export async function commitOf(branch: Branch, head: string, key: string): Promise<string | null> {
  const format = `--format=%H %(trailers:key=${TRAILER},valueonly,separator=%x2C)`
  const grep = ['--fixed-strings', `--grep=${TRAILER}: ${trailerOf(key)}`]
  const listed = await branch.git(['log', format, ...grep, '--end-of-options', head, '--'])
  const lines = listed.split('\n').map((line) => line.trim().split(' '))
  return lines.find(([, trailers]) => trailers?.split(',').includes(trailerOf(key)))?.[0] ?? null
}

/** A key as a trailer holds it: one word. */
function trailerOf(key: string): string {
  return /^[\w:.-]{1,200}$/.test(key) ? key : hash('sha256', key)
}

/** Whether a message names an effect itself, which is for us to do. */
export function namesEffect(message: string): boolean {
  return new RegExp(`^\\s*${TRAILER}\\s*:`, 'im').test(message)
}

/**
 * Commits changes on top of the branch and pushes it, again on what someone else pushed meanwhile. `changesOn`: what is
 * to be changed in a commit; what it throws ends it. The same changes on the same commit make the same commit, so that
 * a push which outlived its process and ours after it are one.
 */
export async function commitAndPush(
  branch: Branch,
  what: { readonly key: string; readonly message: string; readonly at: number },
  changesOn: (head: string) => Promise<readonly Change[]>,
): Promise<{ readonly commit: string | null; readonly changes: readonly Change[] }> {
  for (let i = 0; i < MAX_MOVED; i++) {
    const head = await fetchHead(branch)
    const earlier = await commitOf(branch, head, what.key)
    if (earlier !== null) return { commit: earlier, changes: [] }
    const changes = (await changesOn(head)).filter((change) => !same(change.before, change.after))
    if (changes.length === 0) return { commit: null, changes }
    const commit = await commitOn(branch, head, changes, what)
    const pushed = await push(branch, commit)
    if (pushed) return { commit, changes }
  }
  throw new ActionError(
    'transient',
    'publish.busy',
    `Others pushed to ${branch.name} all the time. Nothing of ours was pushed.`,
  )
}

export function same(a: Entry | null, b: Entry | null): boolean {
  return a?.blob === b?.blob && a?.mode === b?.mode
}

async function commitOn(
  branch: Branch,
  head: string,
  changes: readonly Change[],
  what: { readonly key: string; readonly message: string; readonly at: number },
): Promise<string> {
  const index = join(branch.folder, `factotum-${randomBytes(8).toString('hex')}.index`)
  const env = { GIT_INDEX_FILE: index }
  try {
    await branch.git(['read-tree', head], { env })
    const removed = `0 ${'0'.repeat(head.length)}`
    const lines = changes.map(
      ({ path, after }) => `${after === null ? removed : `${after.mode} ${after.blob}`}\t${path}\0`,
    )
    await branch.git(['update-index', '-z', '--index-info'], { env, input: lines.join('') })
    const tree = (await branch.git(['write-tree'], { env })).trim()
    const date = `@${Math.floor(what.at / 1_000)} +0000`
    const { name, email } = branch.author
    const who = ['AUTHOR', 'COMMITTER'].flatMap((role) => [
      [`GIT_${role}_NAME`, name],
      [`GIT_${role}_EMAIL`, email],
      [`GIT_${role}_DATE`, date],
    ])
    const message = `${what.message.replaceAll('\r', '').trim()}\n\n${TRAILER}: ${trailerOf(what.key)}\n`
    const args = ['commit-tree', tree, '-p', head, '-F', '-']
    return (await branch.git(args, { input: message, env: Object.fromEntries(who) as Record<string, string> })).trim()
  } finally {
    await rm(index, { force: true })
  }
}

/** False where someone else pushed first. */
async function push(branch: Branch, commit: string): Promise<boolean> {
  try {
    const options = ['--porcelain', '--no-verify', '--no-follow-tags', '--quiet']
    await branch.git(['push', ...options, '--', branch.url, `${commit}:refs/heads/${branch.name}`])
    return true
  } catch (error) {
    const failed = pushFailed(error)
    if (failed === 'moved') return false
    throw failed
  }
}
