import { randomUUID } from 'node:crypto'
import {
  answerRequest,
  leaveRequest,
  renewRequest,
  requestById,
  takeRequest,
  type RequestRow,
} from '../../context/requests.ts'
import { FactotumError } from '../../lib/errors.ts'
import { MAX_JSON_BYTES, shortHash } from '../../lib/json.ts'
import type { Store } from '../../store/index.ts'

const KEPT_MS = 24 * 3_600_000
const LEASE_MS = 30_000
const RENEW_MS = 10_000
const MAX_KEY_CHARS = 200

/** An answer as it goes out: the status, and JSON. */
export interface Answer {
  readonly status: number
  readonly body: string
}

/** What is asked, by whom, under which key. */
export interface Asking {
  readonly actor: string
  readonly key: string
  readonly operation: string
  readonly args: unknown
  /** False: the answer holds a secret that is told once. */
  readonly keep: boolean
}

/**
 * Does what is asked under a key once (draft-ietf-httpapi-idempotency-key-header-07), and answers it again for 24 hours. The
 * key is taken, durably, before anything is done, so that it is known of each request whether it was begun.
 */
export class Requests {
  readonly #store: Store
  /** This process, in this life of it. */
  readonly #holder = randomUUID()

  constructor(store: Store) {
    this.#store = store
  }

  /**
   * `act` answers whatever is to be said again, refusals too. What it throws leaves open what became of it. Throws
   * `http.bad_key`, `http.key_reused`, `http.in_progress`, `http.unknown_outcome`, `http.answer_gone`.
   */
  async once(asking: Asking, act: () => Promise<Answer>): Promise<Answer & { readonly replayed: boolean }> {
    const store = this.#store
    checkKey(asking.key)
    const id = store.pseudonym(`request:${asking.actor}\n${asking.key}`)
    const asked = store.pseudonym(`asked:${shortHash([asking.operation, asking.args])}`)
    const now = store.clock.now()
    const row = { id, asked, holder: this.#holder, lease_until: now + LEASE_MS, expires_at: now + KEPT_MS }
    const [taken] = await store.write([takeRequest({ ...row, keep: asking.keep ? 1 : 0 }, now)])
    if (taken!.length === 0) return { ...(await this.#again(id, asked)), replayed: true }
    const renewing = setInterval(() => {
      // Where it fails, others take it for left: what they are told then is that they should look.
      store.write([renewRequest(id, this.#holder, store.clock.now() + LEASE_MS)]).catch(() => {})
    }, RENEW_MS).unref()
    try {
      const answer = await act()
      const kept = Buffer.byteLength(answer.body) <= MAX_JSON_BYTES ? answer.body : null
      await store.write([answerRequest(id, this.#holder, answer.status, kept)])
      return { ...answer, replayed: false }
    } catch (error) {
      await store.write([leaveRequest(id, this.#holder)]).catch(() => {})
      throw error
    } finally {
      clearInterval(renewing)
    }
  }

  async #again(id: string, asked: string): Promise<Answer> {
    const row = await this.#store.first<RequestRow>(requestById(id, this.#store.clock.now()))
    // It expired between two looks at it.
    if (!row) throw inProgress()
    if (row.asked !== asked)
      throw new FactotumError(
        'http.key_reused',
        'This idempotency key was used for another request. Each request has a key of its own.',
      )
    if (row.status === null) throw this.#isAtIt(row) ? inProgress() : unknownOutcome()
    if (row.answer === null)
      throw new FactotumError(
        'http.answer_gone',
        'This was done, and its answer is no longer kept. Look at what there is now; do not ask again.',
      )
    return { status: row.status, body: row.answer }
  }

  /** One process owns a SQLite company; of others than that nobody knows but by their lease. */
  #isAtIt(row: RequestRow): boolean {
    if (this.#store.engine.dialect === 'sqlite' && row.holder !== this.#holder) return false
    return row.lease_until > this.#store.clock.now()
  }
}

/** Printable ASCII, as a header holds it. */
function checkKey(key: string): void {
  if (key.length <= MAX_KEY_CHARS && /^[!-~]+( +[!-~]+)*$/.test(key)) return
  throw new FactotumError(
    'http.bad_key',
    `Idempotency-Key takes 1 to ${MAX_KEY_CHARS} printable ASCII characters, such as a random UUID.`,
  )
}

function inProgress(): FactotumError {
  return new FactotumError(
    'http.in_progress',
    'The first request with this key is still being done. Ask again with the same key.',
  )
}

function unknownOutcome(): FactotumError {
  return new FactotumError(
    'http.unknown_outcome',
    'This was begun and never finished: the server stopped or failed in the middle of it. Look whether it was done before you ask again with another key.',
  )
}
