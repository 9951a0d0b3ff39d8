import type { FactotumError } from '../../lib/errors.ts'
import { ask, readServerFile } from '../client.ts'
import { command, misused, type Invocation } from '../command.ts'
import { ago, columns, oneLine, time } from '../text.ts'

const VERBS: Readonly<Record<string, (call: Invocation, rest: readonly string[]) => Promise<number>>> = {
  link,
  token,
  guest,
  sessions,
  'sign-out': signOut,
  device,
}

export const access = command('access', {
  options: { scope: { type: 'string' }, until: { type: 'string' } },
  arity: [1, 3],
  async run(call) {
    const [verb, ...rest] = call.positionals
    const run = Object.hasOwn(VERBS, verb!) ? VERBS[verb!]! : null
    if (!run) throw usage()
    return run(call, rest)
  },
})

async function link(call: Invocation): Promise<number> {
  const url = consoleOf(call)
  if (url === null) {
    if (call.json) call.print({ link: null })
    else call.out('Nothing runs. "npx factotum start" prints a link that signs you in.')
    return 0
  }
  const { key, expiresAt } = await ask(call.folder, 'accessLink', {})
  if (call.json) call.print({ link: `${url}/#key=${key}`, expiresAt })
  else call.out(`${url}/#key=${key}\n  signs you in once, until ${time(expiresAt)} UTC`)
  return 0
}

async function token(call: Invocation, [verb, what]: readonly string[]): Promise<number> {
  if (verb === 'list') return list(call)
  if (what === undefined) throw usage()
  if (verb === 'revoke') return revoke(call, what)
  const { scope } = call.flags
  if (verb !== 'add' || !isScope(scope)) throw usage()
  const made = await ask(call.folder, 'tokenAdd', { name: what, scope, ...untilOf(call) })
  if (call.json) call.print(made)
  else {
    call.out(made.secret)
    call.out(`  ${made.id}: ${oneLine(what)} may ${MAY[scope]}, ${forHowLong(made.expiresAt)}.`)
    call.out('  It is shown once and kept nowhere. Send it as "Authorization: Bearer ...".')
  }
  return 0
}

async function guest(call: Invocation, [verb, what]: readonly string[]): Promise<number> {
  if (verb === 'list') return list(call)
  if (what === undefined) throw usage()
  if (verb === 'revoke') return revoke(call, what)
  if (verb !== 'add') throw usage()
  const made = await ask(call.folder, 'guestAdd', { name: what, ...untilOf(call) })
  const url = consoleOf(call)
  if (call.json) call.print({ ...made, link: url === null ? null : `${url}/#guest=${made.secret}` })
  else {
    call.out(`${url ?? 'https://YOUR-ADDRESS'}/#guest=${made.secret}`)
    call.out(
      `  ${made.id}: ${oneLine(what)} may look, ${forHowLong(made.expiresAt)}. Not at mail, documents, and work in progress.`,
    )
    call.out('  Whoever has the link is let in, and it is shown once. "factotum access token revoke" ends it.')
  }
  return 0
}

async function list(call: Invocation): Promise<number> {
  const found = await ask(call.folder, 'tokens', {})
  if (call.json) call.print(found)
  else if (found.length === 0)
    call.out('No program and no guest may ask. Let one in: factotum access token add <name> --scope read')
  else
    for (const line of columns(
      found.map((t) => [
        t.id,
        t.kind,
        t.scope,
        t.state === 'active' ? forHowLong(t.expiresAt) : t.state,
        `made ${ago(t.at)}`,
        oneLine(t.name ?? '(erased)'),
      ]),
    ))
      call.out(line)
  return 0
}

async function revoke(call: Invocation, id: string): Promise<number> {
  const row = await ask(call.folder, 'tokenRevoke', { id })
  if (call.json) call.print(row)
  else call.out(`${row.id} (${oneLine(row.name ?? 'erased')}) opens nothing any more.`)
  return 0
}

async function sessions(call: Invocation): Promise<number> {
  const found = await ask(call.folder, 'sessions', {})
  if (call.json) call.print(found)
  else if (found.length === 0) call.out('Nobody is signed in.')
  else
    for (const line of columns(
      found.map((s) => [s.id, s.guest ?? 'operator', s.method, `seen ${ago(s.seenAt)}`, s.address, oneLine(s.agent)]),
    ))
      call.out(line)
  return 0
}

async function signOut(call: Invocation, [id]: readonly string[]): Promise<number> {
  if (id === undefined) throw usage()
  const { ended } = await ask(call.folder, 'sessionEnd', { id })
  if (call.json) call.print({ ended })
  else call.out(ended === 1 ? 'One session is over.' : `${ended} sessions are over.`)
  return 0
}

/** Browsers that are told what waits; they are added where they are, in the console. */
async function device(call: Invocation, [verb, id]: readonly string[]): Promise<number> {
  if (verb === 'list') return listDevices(call)
  if (id === undefined) throw usage()
  if (verb === 'test') {
    const told = await ask(call.folder, 'pushTest', { id })
    if (call.json) call.print(told)
    else call.out(`Sent to ${oneLine(told.name)}.`)
    return 0
  }
  if (verb !== 'remove') throw usage()
  const gone = await ask(call.folder, 'pushUnsubscribe', { id })
  if (call.json) call.print(gone)
  else call.out(`${gone.id} is told nothing any more.`)
  return 0
}

async function listDevices(call: Invocation): Promise<number> {
  const found = await ask(call.folder, 'pushDevices', {})
  if (call.json) call.print(found)
  else if (found.length === 0)
    call.out('No device is told what waits. Turn it on there: in the console, under Settings, Access.')
  else
    for (const line of columns(
      found.map((d) => [
        d.id,
        oneLine(d.name, 40),
        d.says === 'title' ? 'says what it is about' : 'says only that something waits',
        d.sentAt === null ? 'never told' : `told ${ago(d.sentAt)}`,
        `since ${ago(d.since)}`,
        d.error === null ? '' : `failed: ${oneLine(d.error)}`,
      ]),
    ))
      call.out(line.trimEnd())
  return 0
}

const MAY = {
  read: 'look',
  propose: 'look and propose',
  decide: 'look, propose and decide',
  admin: 'do everything',
} as const

function isScope(scope: unknown): scope is keyof typeof MAY {
  return typeof scope === 'string' && Object.hasOwn(MAY, scope)
}

function forHowLong(expiresAt: number | null): string {
  return expiresAt === null ? 'until it is revoked' : `until ${time(expiresAt).slice(0, 16)} UTC`
}

function untilOf(call: Invocation): { until?: string } {
  return typeof call.flags.until === 'string' ? { until: call.flags.until } : {}
}

/** Where people go to sign in; null while nothing runs. */
function consoleOf(call: Invocation): string | null {
  const server = readServerFile(call.folder)
  return server && (server.publicUrl ?? server.url)
}

function usage(): FactotumError {
  return misused('access')
}
