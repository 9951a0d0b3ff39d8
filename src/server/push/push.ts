import {
  claimDevice,
  deviceById,
  deviceFailed,
  deviceReleased,
  devices,
  deviceSent,
  devicesReleased,
  removeDevice,
  type DeviceRow,
  type Told,
} from '../../governance/access/devices.ts'
import { sessionLives } from '../../governance/access/sessions.ts'
import type { Attention } from '../../governance/attention/attention.ts'
import { errorMessage, FactotumError } from '../../lib/errors.ts'
import type { EventRow, Store } from '../../store/index.ts'
import { encrypt } from './encrypt.ts'
import { messageOf, TEST_MESSAGE, type Message, type NewGate } from './message.ts'
import { newsFor, nextMoment, waitingNow, whenToTell } from './news.ts'
import { post, type Outcome } from './send.ts'
import { authorization, type PushKey } from './vapid.ts'

export interface PushOptions {
  readonly store: Store
  readonly attention: Attention
  readonly key: PushKey
  /** For tests: a push service on this machine, without TLS. */
  readonly loopback: boolean
  /** Hears of what failed inside. */
  readonly report: (error: unknown) => void
}

/** What may make something due, or put it off. */
const MATTERS = new Set(['gate.opened@1', 'gate.snoozed@1', 'away.began@1', 'away.ended@1'])
const DEVICE = 'access.device@1'
/** Other processes ring for every commit. */
const BELL_MS = 1_000
/** Longer than a call to a push service takes: where a process died in one, another begins anew after it. */
const HELD_MS = 30_000
const BACKOFF_MS = 30_000
const MAX_BACKOFF_MS = 3_600_000
const WEEK_S = 7 * 86_400
const LEAST_S = 60

/**
 * Tells the operator's devices of what waits. What a device was told is a place in the ledger, so what is new to it is read from
 * the gates as they are when something is sent: what was decided meanwhile is not in it, and however much came, it is one message.
 * The place is moved when the push service has taken it. A process that dies between the two sends that one message once more, and
 * it takes the place of the first on the device; the other order would lose it, and with it a gate that nobody sees.
 */
export class Push {
  readonly #options: PushOptions
  #some = false
  #running = false
  #looking: Promise<void> | null = null
  #again = false
  #cancelAlarm: (() => void) | null = null
  #alarmAt = Number.POSITIVE_INFINITY
  readonly #sending = new Map<string, Promise<void>>()
  readonly #forget: (() => void)[] = []

  constructor(options: PushOptions) {
    this.#options = options
  }

  /** What browsers subscribe to. */
  get key(): string {
    return this.#options.key.text
  }

  get loopback(): boolean {
    return this.#options.loopback
  }

  async start(): Promise<void> {
    const { store } = this.#options
    this.#running = true
    if (store.engine.dialect === 'sqlite') await store.write([devicesReleased()])
    this.#forget.push(store.onCommit((rows) => this.#committed(rows)))
    store.engine.onBell(() => this.#ring(BELL_MS))
    this.#look()
    await this.idle()
  }

  /** Says what is gathered, for who knows when the next process runs, and lets go. */
  async stop(): Promise<void> {
    if (!this.#running) return
    await this.idle()
    if (this.#some) {
      this.#look(false)
      await this.idle()
    }
    this.#running = false
    for (const forget of this.#forget) forget()
    this.#cancelAlarm?.()
  }

  /** Resolves when nothing is looked at or sent right now; what waits for a time does not count. */
  async idle(): Promise<void> {
    while (this.#looking || this.#sending.size > 0)
      await Promise.all([this.#looking, ...this.#sending.values()].filter((p) => p !== null))
  }

  /** Sends a message at once. Throws `push.not_found`, `push.gone`, `push.refused`, `push.unreachable`. */
  async test(id: string): Promise<void> {
    const { store } = this.#options
    const device = await deviceById(store, id)
    const outcome = await this.#post(device, TEST_MESSAGE, { urgent: true, ttlS: LEAST_S })
    if (outcome.was === 'taken') return
    if (outcome.was === 'gone') {
      await removeDevice(store, id, 'gone')
      throw new FactotumError(
        'push.gone',
        'That browser takes no messages any more, and was removed. Turn notifications on there again.',
      )
    }
    if (outcome.was === 'later')
      throw new FactotumError(
        'push.unreachable',
        `The push service took no message: ${outcome.error}. Try again later.`,
      )
    throw new FactotumError(
      'push.refused',
      `The push service refused the message: ${outcome.error}. Turn notifications off and on again in that browser.`,
    )
  }

  #committed(rows: readonly EventRow[]): void {
    if (rows.some((row) => row.kind === DEVICE)) this.#some = true
    // Without a device nothing is looked at.
    if (this.#some && rows.some((row) => row.kind === DEVICE || MATTERS.has(row.kind))) this.#look()
  }

  #ring(ms: number): void {
    this.#setAlarm(this.#options.store.clock.now() + ms)
  }

  #setAlarm(at: number): void {
    if (!this.#running || at >= this.#alarmAt) return
    this.#cancelAlarm?.()
    this.#alarmAt = at
    this.#cancelAlarm = this.#options.store.clock.alarm(at, () => {
      this.#alarmAt = Number.POSITIVE_INFINITY
      this.#look()
    })
  }

  #look(gather = true): void {
    if (!this.#running) return
    if (this.#looking) {
      this.#again = true
      return
    }
    this.#looking = this.#lookNow(gather)
      .catch((error: unknown) => {
        this.#options.report(error)
        this.#ring(BACKOFF_MS)
      })
      .finally(() => {
        this.#looking = null
        if (!this.#again) return
        this.#again = false
        this.#look(gather)
      })
  }

  async #lookNow(gather: boolean): Promise<void> {
    const { store } = this.#options
    const all = await devices(store)
    this.#some = all.length > 0
    if (!this.#some) return
    const now = store.clock.now()
    const moments = [await nextMoment(store, now)]
    for (const device of all) {
      const { gates, at } = await this.#newsOf(device, now, Number.POSITIVE_INFINITY, gather)
      if (gates.length === 0) continue
      if (at > now) moments.push(at)
      else this.#send(device.id)
    }
    const next = Math.min(...moments.filter((at) => at !== null))
    if (Number.isFinite(next)) this.#setAlarm(next)
  }

  async #newsOf(
    device: DeviceRow,
    now: number,
    head: number,
    gather = true,
  ): Promise<{ gates: NewGate[]; at: number; urgent: boolean }> {
    const { store, attention } = this.#options
    // What came while this one is made up is for the next.
    const gates = (await newsFor(store, device, now)).filter((gate) => gate.opened_seq < head)
    if (gates.length === 0) return { gates, at: now, urgent: false }
    const away = await attention.absence(now)
    const manners = { now, awayUntil: away?.until ?? null, quietUntil: attention.quietAt(now) }
    return { gates, ...whenToTell(gates, device, manners, gather) }
  }

  #send(id: string): void {
    if (this.#sending.has(id)) return
    const sending = this.#sendNow(id)
      .catch((error: unknown) => this.#options.report(error))
      .finally(() => {
        this.#sending.delete(id)
        // What came meanwhile, and what is to be tried again.
        this.#look()
      })
    this.#sending.set(id, sending)
  }

  async #sendNow(id: string): Promise<void> {
    const { store } = this.#options
    const now = store.clock.now()
    const device = await claimDevice(store, id, now, now + HELD_MS)
    if (!device) return
    const told: Told = { seq: await store.engine.head(), at: now }
    const { gates, urgent } = await this.#newsOf({ ...device, held_until: 0 }, now, told.seq)
    if (gates.length === 0) return void (await store.write([deviceReleased(id)]))
    const says = (await sessionLives(store, device.session)) ? device.says : 'count'
    const { zone } = this.#options.attention.hours
    const message = messageOf(gates, { says, urgent, waiting: await waitingNow(store, now), zone })
    const outcome = await this.#post(device, message, { urgent, ttlS: ttlOf(gates, now) })
    await this.#record(device, outcome, told)
  }

  async #record(device: DeviceRow, outcome: Outcome, told: Told): Promise<void> {
    const { store } = this.#options
    const now = store.clock.now()
    if (outcome.was === 'gone') return removeDevice(store, device.id, 'gone')
    if (outcome.was === 'taken') return void (await store.write([deviceSent(device.id, told, now)]))
    if (outcome.was === 'refused')
      return void (await store.write([deviceFailed(device.id, told, outcome.error, now, 0)]))
    const backoff = Math.min(BACKOFF_MS * 2 ** device.tries, MAX_BACKOFF_MS)
    const notBefore = now + Math.max(outcome.afterMs ?? backoff, 1_000)
    const before: Told = { seq: device.told_seq, at: device.told_at }
    await store.write([deviceFailed(device.id, before, outcome.error, now, notBefore)])
  }

  #post(device: DeviceRow, message: Message, how: { urgent: boolean; ttlS: number }): Promise<Outcome> {
    const { store, key, loopback } = this.#options
    const { endpoint } = device
    const headers = {
      'content-type': 'application/octet-stream',
      'content-encoding': 'aes128gcm',
      ttl: String(how.ttlS),
      urgency: how.urgent ? 'high' : 'normal',
      // What was not delivered yet is replaced by it (RFC 8030, 5.4). It says nothing to whoever carries it.
      topic: store.pseudonym(`push:${message.tag}`),
      authorization: authorization(key, { endpoint, contact: this.#contact(device), now: Date.now() }),
    }
    return post({ endpoint, headers, body: encrypt(JSON.stringify(message), device), loopback }).catch(
      (error: unknown) => ({ was: 'refused', error: errorMessage(error) }),
    )
  }

  /** Where the operator can be reached, as far as that is said anywhere. */
  #contact({ origin }: DeviceRow): string | null {
    if (origin.startsWith('https://')) return origin
    const to = this.#options.attention.hours.digest?.to ?? null
    return to === null ? null : `mailto:${to}`
  }
}

/** Until the last of them has ended: nobody is told of what is over. */
function ttlOf(gates: readonly NewGate[], now: number): number {
  const until = Math.max(...gates.map(({ expires_at }) => expires_at ?? Number.POSITIVE_INFINITY))
  return Math.min(Math.max(Math.ceil((until - now) / 1_000), LEAST_S), WEEK_S)
}
