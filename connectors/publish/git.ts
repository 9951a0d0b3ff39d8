import { execFile } from 'node:child_process'
import { devNull } from 'node:os'
import { ActionError } from '../../src/connector.ts'

/** Where a repository is: what git is given, and what with. */
export interface Remote {
  /** Without credentials. */
  readonly url: string
  readonly branch: string
  /** `user:password` for http(s); null without. */
  readonly credentials: string | null
}

/** Runs the git program on one bare repository, with nothing that anybody else configured. */
export interface Git {
  (
    args: readonly string[],
    how?: { readonly input?: string | Uint8Array; readonly env?: Record<string, string> },
  ): Promise<string>
}

/** Git ended with an error. Its texts are in English and without secrets. */
export class GitFailure extends Error {
  readonly stdout: string
  readonly stderr: string

  constructor(verb: string, stdout: string, stderr: string) {
    super(`git ${verb}: ${stderr.trim().slice(-600)}`)
    this.name = 'GitFailure'
    this.stdout = stdout
    this.stderr = stderr
  }
}

const MAX_OUTPUT = 64 * 1024 * 1024
// What a repository or a user could set would run programs, sign, ask, or lead elsewhere.
const CONFIG: readonly (readonly [string, string])[] = [
  ['core.hooksPath', devNull],
  ['core.fsmonitor', 'false'],
  ['core.askPass', ''],
  ['credential.helper', ''],
  ['commit.gpgSign', 'false'],
  ['push.gpgSign', 'false'],
  ['push.recurseSubmodules', 'no'],
  ['fetch.recurseSubmodules', 'no'],
  ['fetch.fsckObjects', 'true'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['http.followRedirects', 'false'],
  ['http.lowSpeedLimit', '100'],
  ['http.lowSpeedTime', '60'],
  ['protocol.allow', 'never'],
  ['protocol.file.allow', 'always'],
  ['protocol.http.allow', 'always'],
  ['protocol.https.allow', 'always'],
  ['protocol.ssh.allow', 'always'],
]

/** What takes the credentials out of a text, and those of any address in it. */
export function redactor(credentials: string | null): (text: string) => string {
  const pieces = credentials === null ? [] : [credentials, credentials.slice(credentials.indexOf(':') + 1)]
  const forms = pieces
    .filter((piece) => piece.length > 3)
    .flatMap((piece) => [piece, encodeURIComponent(piece), Buffer.from(piece).toString('base64')])
    .sort((a, b) => b.length - a.length)
  return (text) =>
    forms.reduce((rest, form) => rest.replaceAll(form, '[secret]'), text).replace(/(\w+:\/\/)[^/@\s]+@/g, '$1')
}

/** Git on the bare repository `folder`, for one remote. `signal` ends it. */
export function gitIn(folder: string, remote: Remote, signal: AbortSignal): Git {
  const redact = redactor(remote.credentials)
  const env = environment(remote)
  return (args, how = {}) =>
    new Promise((resolve, reject) => {
      const options = {
        cwd: folder,
        env: { ...env, ...how.env, GIT_DIR: folder },
        maxBuffer: MAX_OUTPUT,
        signal,
        windowsHide: true,
      }
      const child = execFile('git', [...args], options, (error, stdout, stderr) => {
        if (!error) return resolve(stdout)
        if (error.code === 'ENOENT')
          return reject(
            new ActionError('domain', 'publish.no_git', 'There is no git program. Install git and try again.'),
          )
        reject(
          new GitFailure(
            args[0] ?? '',
            redact(stdout),
            redact(signal.aborted ? 'It took too long.' : stderr || error.message),
          ),
        )
      })
      // A git that ends before it has read its input says so itself.
      child.stdin?.on('error', () => {})
      child.stdin?.end(how.input ?? '')
    })
}

function environment(remote: Remote): Record<string, string> {
  const config = [...CONFIG]
  if (remote.credentials !== null) {
    const basic = Buffer.from(remote.credentials).toString('base64')
    // In the environment, which only this user reads; an argument is shown to everyone. For this address and no other.
    config.push([`http.${remote.url}.extraHeader`, `Authorization: Basic ${basic}`])
  }
  const outside = Object.fromEntries(
    ['PATH', 'HOME', 'SSH_AUTH_SOCK', 'SystemRoot', 'TMPDIR'].flatMap((name) => {
      const value = process.env[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
  return {
    ...outside,
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: devNull,
    GIT_SSH_COMMAND: 'ssh -o BatchMode=yes',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_CONFIG_COUNT: String(config.length),
    ...Object.fromEntries(
      config.flatMap(([key, value], i) => [
        [`GIT_CONFIG_KEY_${i}`, key],
        [`GIT_CONFIG_VALUE_${i}`, value],
      ]),
    ),
  }
}
