import { errorMessage, FactotumError } from '../../lib/errors.ts'
import { placeOf } from '../../server/access/place.ts'
import { openCompany, type Ingested, type OpenCompany } from '../../server/open.ts'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { makeLink } from '../../governance/access/links.ts'
import { serve, type ServeOptions } from '../../server/http/serve.ts'
import { status as readStatus } from '../../server/views/status.ts'
import { command, type Invocation } from '../command.ts'
import { companyFolder, loadCompany } from '../company-folder.ts'
import { oneLine } from '../text.ts'
import { printStatus } from './status.ts'

export const start = command('start', {
  options: {
    port: { type: 'string' },
    once: { type: 'boolean' },
    public: { type: 'boolean' },
    host: { type: 'string' },
    'tls-cert': { type: 'string' },
    'tls-key': { type: 'string' },
    'behind-proxy': { type: 'string' },
  },
  timeless: true,
  arity: [0, 1],
  async run(call) {
    const given = call.positionals[0]
    const folder = given === undefined ? call.folder : companyFolder(given)
    const where = await reachOf(call)
    // A branch of a workflow that failed before it was awaited: its step is on the record, and the company goes on.
    process.on('unhandledRejection', (error) => {
      process.stderr.write(`factotum: a promise failed that nobody awaited: ${errorMessage(error)}\n`)
    })
    const company = await openCompany({ folder, company: await loadCompany(folder) })
    company.store.onBroken((error) => {
      process.stderr.write(`factotum: ${error.message}\n`)
      process.exit(70)
    })
    try {
      await company.start()
      return call.flags.once ? await once(call, company) : await forever(call, company, where)
    } finally {
      await company.close()
      // A call that was abandoned may still hold a socket: it is the next process's to look for, and this one ends.
      setTimeout(() => process.exit(), ABANDONED_MS).unref()
    }
  },
})

const ABANDONED_MS = 1_000

/** Runs until nothing is due: what waits for a time or a person is left for the next start. */
async function once(call: Invocation, company: OpenCompany): Promise<number> {
  growWithLoad()
  const inbox = await readInboxes(company)
  await company.coordinator.settled()
  await company.sealer.seal()
  const now = await readStatus(company)
  if (call.json) call.print({ ...now, ingested: inbox })
  else printStatus(call, now)
  return 0
}

/** The program is there: memory follows the load from here on. See `startSmall` in bin/factotum.js. */
function growWithLoad(): void {
  setFlagsFromString('--semi-space-growth-factor=2')
}

/** What could not be read is said on stderr, so that it is seen with --json too, and tried again at the next start. */
async function readInboxes(company: OpenCompany): Promise<Ingested> {
  const inbox = await company.readInboxes()
  for (const { name, unreadable } of inbox.unreadable)
    process.stderr.write(`factotum: not taken in: ${oneLine(name)}: ${oneLine(unreadable)}\n`)
  return inbox
}

async function forever(call: Invocation, company: OpenCompany, where: ServeOptions): Promise<number> {
  // Before anything else can take long: a signal that comes while the inbox is read ends it in order.
  const stopped = untilStopped()
  const listening = await serve(company, where)
  growWithLoad()
  try {
    const { url, publicUrl } = listening
    const { key } = await makeLink(company.store, false)
    const link = `${publicUrl ?? url}/#key=${key}`
    if (call.json) call.print({ company: company.company.name, url, publicUrl, link, pid: process.pid })
    else {
      call.out(`${company.company.name} is running at ${publicUrl ?? url}`)
      call.out(`\nSign in: ${link}\n  (works once, within the hour; "npx factotum access link" makes another)\n`)
      for (const { name, to } of company.describeConnectors()) call.out(`  ${name}: ${to}`)
    }
    const inbox = await readInboxes(company)
    if (!call.json) {
      if (inbox.new + inbox.quarantined > 0)
        call.out(`  inbox: ${inbox.new} new, ${inbox.duplicate} known already, ${inbox.quarantined} set aside`)
      call.out('\nSee what waits for you with "npx factotum queue". Ctrl-C stops; nothing is lost.')
    }
    await stopped
  } finally {
    await listening.close()
  }
  return 0
}

/** Throws `cli.usage`, and `cli.unreadable` for a certificate that cannot be read. */
async function reachOf(call: Invocation): Promise<ServeOptions> {
  const { host, 'tls-cert': cert, 'tls-key': key, 'behind-proxy': proxy } = call.flags
  if ((cert === undefined) !== (key === undefined))
    throw new FactotumError('cli.usage', '--tls-cert and --tls-key go together.')
  const tls = cert === undefined ? {} : { tls: { cert: await pem(String(cert)), key: await pem(String(key)) } }
  const reach = {
    isPublic: call.flags.public === true,
    ...(typeof host === 'string' ? { host } : {}),
    ...tls,
    ...(typeof proxy === 'string' ? { proxy } : {}),
    ...portOf(call),
  }
  // Before the company is opened: what would put it on a network in the clear starts nothing.
  placeOf(reach)
  return reach
}

async function pem(path: string): Promise<string> {
  return readFile(resolve(path), 'utf8').catch((cause: unknown) => {
    throw new FactotumError('cli.unreadable', `${path} cannot be read: ${errorMessage(cause)}.`, { cause })
  })
}

function portOf(call: Invocation): { port?: number } {
  const { port } = call.flags
  if (port === undefined) return {}
  const n = Number(port)
  if (!Number.isInteger(n) || n < 0 || n > 65_535)
    throw new FactotumError('cli.usage', `--port takes a number from 0 to 65535, not "${String(port)}".`)
  return { port: n }
}

/** Also when the shell that started it goes away. What keeps the process alive meanwhile is that it listens. */
function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve())
  })
}
