import { execFile } from 'node:child_process'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { milliseconds, type Duration } from '../lib/durations.ts'
import type { Clock } from '../lib/clock.ts'
import type { Sealed } from './sealer.ts'

/**
 * Where copies of signed checkpoints go. A log proves nothing against the holder of its key: a copy outside does, for a
 * history that was rewritten no longer leads to it.
 */
export interface WitnessOptions {
  /** A folder, best on another disk or synced elsewhere. */
  readonly folder?: string
  /** A clone of a git repository that is committed to and pushed. */
  readonly git?: string
  /** An address. Sent as the company sends mail. */
  readonly mail?: string
  /** How often at most. Default: an hour. */
  readonly every?: Duration
}

export type SendCheckpoint = (to: string, subject: string, text: string) => Promise<void>

const run = promisify(execFile)
/** How long one git command may take: a push to a remote that does not answer must not hold up the ones after it. */
const GIT_MS = 30_000

/** Asks nobody for anything: no password, no passphrase of a signing key. */
function git(clone: string, ...args: readonly string[]): Promise<{ readonly stdout: string }> {
  return run('git', ['-C', clone, '-c', 'commit.gpgsign=false', ...args], {
    timeout: GIT_MS,
    killSignal: 'SIGKILL',
    env: { ...process.env, GIT_TERMINAL_PROMPT: '0' },
  })
}

/** Copies checkpoints outside, at most so often. A copy that fails is tried again with the next and shown in `status`. */
export class Witness {
  readonly #options: WitnessOptions
  readonly #clock: Clock
  readonly #origin: string
  readonly #send: SendCheckpoint
  readonly #every_ms: number
  #last = 0
  #pending: Sealed | null = null
  #copying: Promise<void> | null = null
  /** What went wrong the last time, for `status`. */
  failure: string | null = null
  copied: number | null = null

  constructor(options: WitnessOptions, clock: Clock, origin: string, send: SendCheckpoint) {
    this.#options = options
    this.#clock = clock
    this.#origin = origin
    this.#send = send
    this.#every_ms = milliseconds(options.every ?? '1h')
  }

  get enabled(): boolean {
    const { folder, git, mail } = this.#options
    return folder !== undefined || git !== undefined || mail !== undefined
  }

  /** Hears of every checkpoint; copies one when it is time. */
  sealed(sealed: Sealed): void {
    if (!this.enabled) return
    this.#pending = sealed
    if (this.#clock.now() - this.#last >= this.#every_ms) void this.flush()
  }

  /** Copies the newest checkpoint now. Never throws: `failure` says what went wrong. */
  async flush(): Promise<void> {
    if (this.#copying) await this.#copying
    const sealed = this.#pending
    if (!sealed) return
    this.#last = this.#clock.now()
    this.#copying = this.#copy(sealed)
      .then(
        () => {
          this.failure = null
          this.copied = sealed.size
          if (this.#pending === sealed) this.#pending = null
        },
        (error: unknown) => {
          this.failure = error instanceof Error ? error.message : String(error)
        },
      )
      .finally(() => {
        this.#copying = null
      })
    await this.#copying
  }

  async #copy({ size, note }: Sealed): Promise<void> {
    const { folder, git: clone, mail } = this.#options
    const name = `checkpoint-${String(size).padStart(12, '0')}.txt`
    if (folder !== undefined) await store(folder, name, note)
    if (clone !== undefined) {
      await store(clone, name, note)
      await commitTo(clone, name, `Checkpoint over ${size} events`)
      await git(clone, 'push', '-q')
    }
    if (mail !== undefined)
      await this.#send(
        mail,
        `Checkpoint of ${this.#origin} over ${size} events`,
        `Keep this mail. It proves what the record was.\n\n${note}`,
      )
  }
}

/** Nothing to commit is no failure: an earlier try may have got this far and not been pushed. */
async function commitTo(clone: string, name: string, message: string): Promise<void> {
  await git(clone, 'add', name)
  const { stdout } = await git(clone, 'status', '--porcelain', '--', name)
  if (stdout === '') return
  const author = ['-c', 'user.name=Factotum', '-c', 'user.email=factotum@localhost']
  await git(clone, ...author, 'commit', '-q', '-m', message, '--', name)
}

async function store(folder: string, name: string, note: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const temporary = join(folder, `.${name}.tmp`)
  await writeFile(temporary, note)
  await rename(temporary, join(folder, name))
}
