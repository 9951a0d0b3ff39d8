import { z } from 'zod'
import {
  addDevice,
  deviceById,
  devices,
  removeDevice,
  renewDevice,
  SAYS,
  type DeviceRow,
} from '../../governance/access/devices.ts'
import { callerNow, demandOperator } from '../../lib/caller.ts'
import { FactotumError } from '../../lib/errors.ts'
import type { OpenCompany } from '../open.ts'
import { byId, looking, none, operation } from '../operation.ts'
import { areKeys } from '../push/encrypt.ts'
import { endpointOf } from '../push/send.ts'

const key = z.string().max(200)
/** What a browser gave, and where its console was open. */
const subscription = z.object({
  endpoint: z.string().min(1).max(1_000),
  p256dh: key,
  auth: key,
  /** The endpoint that this one stands for from now on. */
  replaces: z.string().max(1_000).optional(),
  origin: z.url().max(300),
})

export const PUSH_OPERATIONS = {
  /** What a browser subscribes to. */
  pushKey: looking('admin', none, async (c) => ({ key: c.push.key })),
  /** Browsers that are told what waits. Where their messages go is in no answer. */
  pushDevices: looking('admin', none, async (c) => (await devices(c.store)).map(view)),
  /** Tells this browser of what waits from now on. The session that asks is the one it goes with. */
  pushSubscribe: operation(
    'admin',
    subscription.extend({ name: z.string().trim().min(1).max(100), says: z.enum(SAYS) }),
    async (c, { name, says, ...given }) => ({ id: await addDevice(c.store, { ...checked(c, given), name, says }) }),
  ),
  /** A browser that was told of before comes back under its session of now; null: it is not told of any more. */
  pushRenew: operation('admin', subscription, async (c, given) => ({
    id: (await renewDevice(c.store, checked(c, given))) ?? null,
  })),
  pushUnsubscribe: operation('admin', byId, async (c, { id }) => {
    await removeDevice(c.store, id, 'asked')
    return { id }
  }),
  /** Sends a message to one, at once. */
  pushTest: operation('admin', byId, async (c, { id }) => {
    await c.push.test(id)
    return view(await deviceById(c.store, id))
  }),
} as const

/** Throws `access.scope`, `push.no_session`, `push.bad_endpoint`, `push.bad_keys`; none says what was given. */
function checked(c: OpenCompany, given: z.infer<typeof subscription>) {
  demandOperator('What is told to a browser')
  const session = callerNow()?.session
  if (session === undefined)
    throw new FactotumError(
      'push.no_session',
      'Notifications belong to a browser that is signed in. Turn them on in the console, under Settings.',
    )
  if (!endpointOf(given.endpoint, c.push.loopback))
    throw new FactotumError('push.bad_endpoint', 'The endpoint of a subscription is a public https address.')
  if (!areKeys(given)) throw new FactotumError('push.bad_keys', 'The keys of that subscription are none of a browser.')
  return { ...given, session, origin: new URL(given.origin).origin }
}

function view({ id, name, says, session, since, sent_at, error, error_at }: DeviceRow) {
  return {
    id,
    name,
    says,
    /** The session that it goes with. */
    session,
    /** Times in epoch ms. `sentAt`: the last message that its push service took. */
    since,
    sentAt: sent_at,
    /** What went wrong since. */
    error,
    errorAt: error_at,
    current: callerNow()?.session === session,
  }
}
