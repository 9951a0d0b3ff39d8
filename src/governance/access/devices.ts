import { OPERATOR } from '../../lib/caller.ts'
import { FactotumError } from '../../lib/errors.ts'
import { sql, type EventInput, type Store } from '../../store/index.ts'
import { deviceChanged, type Removed } from './events.ts'

/** What a message may say, on a screen that others may see: what it is about, or only that something waits. */
export const SAYS = ['title', 'count'] as const
export type Says = (typeof SAYS)[number]

/** Times in epoch ms. `endpoint`, `p256dh` and `auth` are for whoever sends, and for nobody else. */
export interface DeviceRow {
  readonly id: string
  readonly endpoint: string
  readonly p256dh: string
  readonly auth: string
  readonly session: string
  /** Where the console was open: `https://office.example.org`. */
  readonly origin: string
  readonly name: string
  readonly says: Says
  readonly since: number
  readonly told_seq: number
  readonly told_at: number
  readonly sent_at: number | null
  readonly tries: number
  readonly not_before: number
  readonly held_until: number
  readonly error: string | null
  readonly error_at: number | null
}

const COLUMNS =
  'id, endpoint, p256dh, auth, session, origin, name, says, since, told_seq, told_at, sent_at, tries, not_before, held_until, error, error_at'
const insert = sql(
  `insert into push_device (id, endpoint_key, endpoint, p256dh, auth, session, origin, name, says, since, told_seq, told_at, tries, not_before, held_until)
   values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0)`,
)
const all = sql(`select ${COLUMNS} from push_device order by since, id`)
const byId = sql(`select ${COLUMNS} from push_device where id = ?`)
const byEndpoint = sql(`select ${COLUMNS} from push_device where endpoint_key = ?`)
const renew = sql(
  `update push_device set endpoint_key = ?, endpoint = ?, p256dh = ?, auth = ?, session = ?, origin = ?,
     tries = 0, not_before = 0, error = null, error_at = null where id = ?`,
)
const say = sql('update push_device set says = ? where id = ?')
const move = sql('update push_device set session = ? where session = ?')
const remove = sql('delete from push_device where id = ? returning id, name')
const removeOf = sql('delete from push_device where session = ? returning id, name')
const removeOthers = sql('delete from push_device where session <> ? returning id, name')
const claimed = sql(`update push_device set held_until = ? where id = ? and held_until <= ? returning ${COLUMNS}`)
const taken = sql(
  `update push_device set told_seq = ?, told_at = ?, sent_at = ?, tries = 0, not_before = 0, error = null, error_at = null, held_until = 0
   where id = ?`,
)
const failed = sql(
  `update push_device set told_seq = ?, told_at = ?, tries = tries + 1, not_before = ?, error = ?, error_at = ?, held_until = 0 where id = ?`,
)
const releasedAll = sql('update push_device set held_until = 0')
const released = sql('update push_device set held_until = 0 where id = ?')

/** One person has no more. */
const MAX_DEVICES = 20

export interface NewDevice {
  readonly endpoint: string
  readonly p256dh: string
  readonly auth: string
  /** The endpoint that this one stands for from now on, where the browser changed it by itself. */
  readonly replaces?: string | undefined
  readonly session: string
  readonly origin: string
  readonly name: string
  readonly says: Says
}

export function devices(store: Store): Promise<DeviceRow[]> {
  return store.read<DeviceRow>(all())
}

/** Throws `push.not_found`. */
export async function deviceById(store: Store, id: string): Promise<DeviceRow> {
  const row = await store.first<DeviceRow>(byId(id))
  if (!row)
    throw new FactotumError('push.not_found', `There is no device ${id}. "factotum access device list" lists them.`)
  return row
}

/** The device of a browser that is known, under the session that looks now; undefined where it is not known (any more). */
export async function renewDevice(store: Store, device: Omit<NewDevice, 'name' | 'says'>): Promise<string | undefined> {
  const own = store.pseudonym(device.endpoint)
  const known =
    (await store.first<DeviceRow>(byEndpoint(own))) ??
    (device.replaces === undefined
      ? undefined
      : await store.first<DeviceRow>(byEndpoint(store.pseudonym(device.replaces))))
  if (!known) return undefined
  const { endpoint, p256dh, auth, session, origin } = device
  if (!sameAs(known, device)) await store.write([renew(own, endpoint, p256dh, auth, session, origin, known.id)])
  return known.id
}

function sameAs(known: DeviceRow, device: Omit<NewDevice, 'name' | 'says'>): boolean {
  return (['endpoint', 'p256dh', 'auth', 'session', 'origin'] as const).every(
    (column) => known[column] === device[column],
  )
}

/** Tells a browser of what is opened from now on. Answers its id. Throws `push.too_many`. */
export async function addDevice(store: Store, device: NewDevice): Promise<string> {
  const known = await renewDevice(store, device)
  if (known !== undefined) {
    await store.write([say(device.says, known)])
    return known
  }
  if ((await devices(store)).length >= MAX_DEVICES)
    throw new FactotumError('push.too_many', `There are ${MAX_DEVICES} devices. Remove those that nobody looks at.`)
  const { endpoint, p256dh, auth, session, origin, name, says } = device
  const id = store.newId('dev')
  const now = store.clock.now()
  const head = await store.engine.head()
  const key = store.pseudonym(endpoint)
  await store.commit({
    key: `device:${id}`,
    events: [deviceChanged(id, { what: 'added' }, { private: { name }, actor: OPERATOR })],
    also: [insert(id, key, endpoint, p256dh, auth, session, origin, name, says, now, head, now)],
  })
  return id
}

/** Throws `push.not_found`. */
export async function removeDevice(store: Store, id: string, because: Removed): Promise<void> {
  await deviceById(store, id)
  const [gone] = await store.write([remove(id)])
  await recordRemoved(store, gone as unknown as GoneDevice[], because)
}

export interface GoneDevice {
  readonly id: string
  readonly name: string
}

/** They are gone before it is recorded, as sessions are. */
async function recordRemoved(store: Store, gone: readonly GoneDevice[], because: Removed): Promise<void> {
  if (gone.length === 0) return
  await store.commit({ key: `device:${gone[0]!.id}:removed`, events: removedEvents(gone, because) })
}

export function removedEvents(gone: readonly GoneDevice[], because: Removed): EventInput[] {
  return gone.map(({ id, name }) =>
    deviceChanged(
      id,
      { what: 'removed', because },
      { private: { name }, ...(because === 'gone' ? {} : { actor: OPERATOR }) },
    ),
  )
}

/** What goes, or goes over, together with sessions: in the same write. */
export const devicesOf = { remove: removeOf, removeOthers, move } as const

/** One process sends to a device at a time. Undefined: another does, or it is gone. */
export async function claimDevice(
  store: Store,
  id: string,
  now: number,
  until: number,
): Promise<DeviceRow | undefined> {
  const [rows] = await store.write([claimed(until, id, now)])
  return rows![0] as unknown as DeviceRow | undefined
}

/** How far a device was told. */
export interface Told {
  readonly seq: number
  readonly at: number
}

/** What came of a message. Each lets go of the device. */
export const deviceSent = (id: string, told: Told, now: number) => taken(told.seq, told.at, now, id)
export const deviceFailed = (id: string, told: Told, error: string, now: number, notBefore: number) =>
  failed(told.seq, told.at, notBefore, error, now, id)
export const deviceReleased = (id: string) => released(id)
/** On a store that one process owns, whoever held one is dead. */
export const devicesReleased = () => releasedAll()
