import { mkdir } from 'node:fs/promises'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { ActionError, type Connector, type ConnectorEnvironment } from '../../src/connector.ts'
import { commit, type PublishConnection } from './actions.ts'
import { gitIn, redactor } from './git.ts'

export interface RepositoryOptions {
  /** A repository on this machine, absolute or relative to the company's folder. This or `url`. */
  readonly path?: string
  /** `https://…`, `http://…` (without credentials), `ssh://…` or `user@host:path`. Credentials in it are shown nowhere. */
  readonly url?: string
  readonly branch: string
  readonly author: { readonly name: string; readonly email: string }
  /** For http(s): asked when the company starts, and shown nowhere. */
  readonly user?: string
  readonly password?: () => string | undefined
  /** Folders of the repository that may be published to. Default: all of it. */
  readonly allow?: readonly string[]
}

// git-check-ref-format, without what nobody names a branch.
const BRANCH = /^(?![-/.])(?!.*(\.\.|\/\/|\/\.|@\{|\.lock$|[/.]$))[^\p{Cc}\s~^:?*[\\]{1,200}$/u
const PERSON = /^[^<>\p{Cc}]{1,200}$/u
const SSH = /^[\w.-]+@[\w.-]+:(?!-)[^\s\p{Cc}]+$/u

/**
 * A branch of a git repository, published to through the git program. Throws `publish.bad_options`; opening it throws
 * `publish.no_git` and `publish.secret_missing`. Nothing is asked of the remote before it is needed.
 */
function repository(options: RepositoryOptions): Connector<PublishConnection> {
  const { branch, author } = options
  if (!BRANCH.test(branch)) throw bad('`branch` names no branch')
  if (!PERSON.test(author.name) || !PERSON.test(author.email)) throw bad('`author` has no name or no address')
  if ((options.path === undefined) === (options.url === undefined)) throw bad('give either `path` or `url`')
  const address = options.url === undefined ? null : addressOf(options.url)
  if (isClear(address?.url) && (address?.credentials != null || options.password !== undefined))
    throw bad('credentials over `http:` can be read by everybody on the way; use https')
  const shown = address?.url ?? options.path!
  return {
    name: 'publish',
    target: `${shown} ${branch}`,
    actions: [commit],
    signals: [],
    async open(env) {
      const url = address?.url ?? pathOf(options.path!, env)
      const credentials = address?.credentials ?? credentialsOf(options)
      const folder = join(env.dataFolder, 'publish.git')
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const remote = { url, branch, credentials }
      await gitIn(folder, remote, AbortSignal.timeout(30_000))(['init', '--bare', '--quiet', '--template='])
      return { folder, remote, author, allow: options.allow ?? null, alone: oneAtATime() }
    },
    close: ({ alone }) => alone(async () => {}),
    describe: ({ remote }) => `${redactor(remote.credentials)(remote.url)}, branch ${branch}`,
  }
}

function bad(what: string): ActionError {
  return new ActionError('domain', 'publish.bad_options', `publish.repository: ${what}. Correct it in company.ts.`)
}

/** An address and the credentials that stood in it. */
function addressOf(text: string): { url: string; credentials: string | null } {
  if (SSH.test(text)) return { url: text, credentials: null }
  const url = URL.parse(text)
  if (url === null || !/^(https?|ssh):$/.test(url.protocol) || url.hostname.startsWith('-'))
    throw bad('`url` is no http, https or ssh address of a repository')
  if (url.protocol === 'ssh:') {
    if (url.password !== '') throw bad('`url` has a password, which ssh does not take; use a key')
    return { url: url.href, credentials: null }
  }
  const credentials =
    url.username === '' ? null : `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  url.username = ''
  url.password = ''
  return { url: url.href, credentials }
}

/** Whether what is sent there can be read on the way. */
function isClear(text: string | undefined): boolean {
  const url = text === undefined ? null : URL.parse(text)
  return url?.protocol === 'http:' && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname)
}

function credentialsOf(options: RepositoryOptions): string | null {
  if (options.password === undefined) return null
  const password = options.password()
  if (password !== undefined && password !== '') return `${options.user ?? 'git'}:${password}`
  throw new ActionError(
    'domain',
    'publish.secret_missing',
    'publish.repository has no value for `password`. Set what company.ts reads it from and start again.',
  )
}

/** A path that git takes for nothing but one. */
function pathOf(path: string, env: ConnectorEnvironment): string {
  return isAbsolute(path) ? path : resolve(dirname(env.dataFolder), path)
}

function oneAtATime(): PublishConnection['alone'] {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const turn = last.then(work)
    last = turn.catch(() => {})
    return turn
  }
}

export const publish = { repository, commit } as const
