import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { operationNamed } from '../../src/server/operations.ts'
import { queryOf } from '../../src/lib/query.ts'

const BIN = join(import.meta.dirname, '../../bin/factotum.js')
const ANSWER_MS = 30_000

/** A server process of a company, as a service manager sees it: started, killed, started again. */
export class Server {
  readonly folder: string
  readonly #env: NodeJS.ProcessEnv
  #child: ChildProcess | null = null
  #at: { readonly url: string; readonly token: string } | null = null
  /** What it said on stderr, all lives together. */
  said = ''
  /** How long each start took until it listened. */
  readonly started_ms: number[] = []

  constructor(folder: string) {
    this.folder = folder
    const { DATABASE_URL: _, NODE_OPTIONS: _options, ...env } = process.env
    // What was compiled once is not compiled a hundred times.
    this.#env = { ...env, NODE_COMPILE_CACHE: join(folder, 'compiled') }
  }

  /** Resolves true when it listens, false when it ended before. */
  async start(): Promise<boolean> {
    const begun = performance.now()
    const child = spawn(process.execPath, [BIN, 'start', this.folder, '--port', '0', '--json'], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    child.stderr.on('data', (chunk: Buffer) => (this.said += chunk.toString()))
    const exited = once(child, 'exit').then(() => false)
    const listens = (async () => {
      let text = ''
      for await (const chunk of child.stdout) {
        text += String(chunk)
        if (text.includes('}')) break
      }
      return text.includes('"url"')
    })()
    const up = await Promise.race([listens, exited])
    if (!up) return false
    this.#at = JSON.parse(await readFile(join(this.folder, 'data/server.json'), 'utf8')) as {
      url: string
      token: string
    }
    this.started_ms.push(Math.round(performance.now() - begun))
    return true
  }

  /** Where it listens, and who may ask there; the process. Null where none runs. */
  get at(): { readonly url: string; readonly token: string; readonly pid: number } | null {
    const pid = this.#child?.pid
    return this.#at && pid !== undefined ? { ...this.#at, pid } : null
  }

  /** Asks it something. Null when it died before it answered; throws what it refused. */
  async ask<T>(operation: string, args: object): Promise<T | null> {
    const at = this.#at
    if (!at) return null
    let answered: { ok: boolean; body: T & { code?: string; detail?: string } }
    try {
      const does = operationNamed(operation).mood === 'change'
      const query = does ? '' : `?${queryOf(args as Record<string, unknown>)}`
      const response = await fetch(`${at.url}/v1/${operation}${query}`, {
        method: does ? 'POST' : 'GET',
        headers: { authorization: `Bearer ${at.token}`, 'content-type': 'application/json' },
        ...(does ? { body: JSON.stringify(args) } : {}),
        signal: AbortSignal.timeout(ANSWER_MS),
      })
      answered = { ok: response.ok, body: (await response.json()) as T & { code?: string; detail?: string } }
    } catch {
      return null
    }
    if (answered.ok) return answered.body
    throw Object.assign(new Error(answered.body.detail), { code: answered.body.code })
  }

  /** Ends it without a word and waits until it is gone. */
  async kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#child
    this.#at = null
    this.#child = null
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null
    const exited = once(child, 'exit')
    child.kill(signal)
    const [code] = (await exited) as [number | null]
    return code
  }
}
