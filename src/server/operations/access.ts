import { z } from 'zod'
import { makeLink } from '../../governance/access/links.ts'
import { endOtherSessions, endSession, endSessionsOf, listSessions } from '../../governance/access/sessions.ts'
import { listTokens, makeToken, revokeToken, tokenState, type TokenRow } from '../../governance/access/tokens.ts'
import { parseUntil } from '../../governance/attention/away.ts'
import { demandOperator, SCOPES } from '../../lib/caller.ts'
import { milliseconds, type Duration } from '../../lib/durations.ts'
import type { OpenCompany } from '../open.ts'
import { byId, looking, none, operation, reading, secret } from '../operation.ts'

const name = z.string().trim().min(1).max(200)
/** A time (`2026-12-01`, in the company's zone) or how long (`90d`). */
const until = z.string().min(1).max(40).optional()
/** A guest's link that nobody limited: a quarter. */
const GUEST_DAYS = 92

export const ACCESS_OPERATIONS = {
  /** Programs and guests that may ask, or might. */
  tokens: reading('admin', z.object({ limit: z.int().min(1).max(1_000).default(200) }), async (c, { limit }) =>
    (await listTokens(c.store, limit)).map((row) => view(c, row)),
  ),
  /** Lets a program in. The secret is told in this answer and never again. */
  tokenAdd: secret(
    operation('admin', z.object({ name, scope: z.enum(SCOPES), until }), async (c, args) =>
      made(c, { name: args.name, scope: args.scope, guest: false, expiresAt: untilOf(c, args.until) }),
    ),
  ),
  /** Lets a person look, through a link. */
  guestAdd: secret(
    operation('admin', z.object({ name, until }), async (c, args) =>
      made(c, { name: args.name, scope: 'read', guest: true, expiresAt: untilOf(c, args.until ?? `${GUEST_DAYS}d`) }),
    ),
  ),
  tokenRevoke: operation('admin', byId, async (c, { id }) => {
    const row = await revokeToken(c.store, id)
    await endSessionsOf(c.store, row.id)
    return view(c, row)
  }),
  /** A key that signs the operator in, once, within the hour. */
  accessLink: secret(
    operation('admin', none, async (c) => {
      demandOperator('A link that signs the operator in')
      return makeLink(c.store, true)
    }),
  ),
  /** Who is signed in. */
  sessions: looking('admin', none, async (c) =>
    (await listSessions(c.store)).map(({ id, token, method, address, agent, created_at, seen_at, expires_at }) => {
      const times = { at: created_at, seenAt: seen_at, expiresAt: expires_at }
      return { id, guest: token, method, address, agent, ...times }
    }),
  ),
  /** Signs out one session; `all`: the operator, everywhere. */
  sessionEnd: operation('admin', byId, async (c, { id }) => {
    if (id === 'all') return { ended: await endOtherSessions(c.store, null, 'ended') }
    await endSession(c.store, id, 'ended')
    return { ended: 1 }
  }),
} as const

async function made(c: OpenCompany, token: Parameters<typeof makeToken>[1]) {
  const { row, secret: key } = await makeToken(c.store, token)
  return { ...view(c, row), secret: key }
}

function view(c: OpenCompany, row: TokenRow) {
  const { id, scope, name: called, guest } = row
  return {
    id,
    name: called,
    kind: guest === 1 ? ('guest' as const) : ('token' as const),
    scope,
    state: tokenState(row, c.store.clock.now()),
    by: row.made_by,
    at: row.made_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    revokedBy: row.revoked_by,
  }
}

/** Throws `away.bad_time`, `duration.invalid`. */
function untilOf(c: OpenCompany, text: string | undefined): number | null {
  if (text === undefined) return null
  if (/^\d+(\.\d+)?[a-z]+$/.test(text)) return c.store.clock.now() + milliseconds(text as Duration)
  return parseUntil(text, c.attention.hours.zone)
}
