import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { connectorConformance } from 'factotum/testing'
import type { Fault } from './faults.ts'
import { billing } from './index.ts'
import { startBilling, type BillingService } from './service.ts'

const TOKEN = 'secret'
const REFUND = {
  charge: 'ch_20872',
  amount: 1_900,
  currency: 'EUR',
  customer: 'tomasz@pawsandgo.example',
  reason: 'twice',
}

test('what leads elsewhere is not followed: neither the token nor a refund goes there', async (t) => {
  const came: string[] = []
  const serve = async (answer: (response: ServerResponse) => void) => {
    const server = createServer((request, response) => {
      came.push(`${request.method} ${request.url}`)
      answer(response)
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    t.after(() => server.close())
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  const elsewhere = await serve((response) => response.end('{}'))
  const url = await serve((response) => response.writeHead(307, { location: `${elsewhere}/taken` }).end())
  const connection = { url, token: TOKEN, answerMs: 5_000, own: null }
  const ctx = { key: 'k', token: 1, laneToken: null, proposedAt: 0, connection, signal: new AbortController().signal }
  await assert.rejects(billing.refund.run(REFUND, ctx), { kind: 'uncertain' })
  assert.deepEqual(came, ['POST /refunds'])
})

class World {
  readonly service: BillingService

  constructor(service: BillingService) {
    this.service = service
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service.close()
  }
}

const FAULTS: Readonly<Record<string, Fault>> = {
  credentials: { fault: 'unauthorised', next: Infinity },
  echo: { fault: 'echo', next: Infinity },
  rate_limit: { fault: 'rate', on: 'POST', next: Infinity, ms: 90_000 },
  slow: { fault: 'timeout', on: 'POST', next: Infinity },
  garbage: { fault: 'garbage', on: 'POST', next: Infinity },
}

connectorConformance<World>('billing', {
  world: async (folder) =>
    new World(await startBilling({ books: join(folder, 'outside', 'books.json'), token: TOKEN })),
  connector: ({ service }, token) => {
    service.setToken(token)
    return billing.connect({ url: service.url, token })
  },
  action: 'billing.refund',
  input: () => REFUND,
  outside: ({ service }) => {
    const { refunds } = service.books()
    return {
      state: refunds.filter((r) => r.reversedAt === null).map(({ charge, amount }) => ({ charge, amount })),
      done: refunds.length,
    }
  },
  fault: async ({ service }, fault) => {
    if (fault === 'down') return service.close()
    service.setFaults(fault === null ? [] : [FAULTS[fault]!])
  },
  credentialsCode: 'billing.unauthorised',
})

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'billing-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

interface Answer {
  readonly status: number
  readonly body: {
    readonly refund?: { readonly id: string; readonly reversedAt: string | null }
    readonly error?: string
  }
}

function caller(url: string) {
  return async (method: string, path: string, body?: unknown, key?: string): Promise<Answer> => {
    const response = await fetch(new URL(path, url), {
      method,
      headers: { Authorization: `Bearer ${TOKEN}`, ...(key === undefined ? {} : { 'Idempotency-Key': key }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: response.status, body: (await response.json()) as Answer['body'] }
  }
}

test('a key is honoured for a day: the same refund is answered, another is refused, and later it is forgotten', async (t) => {
  let now = Date.UTC(2026, 10, 2)
  const service = await startBilling({ books: join(await folder(t), 'books.json'), token: TOKEN, now: () => now })
  t.after(() => service.close())
  const call = caller(service.url)
  const half = { ...REFUND, amount: 500 }
  const first = await call('POST', '/refunds', half, 'k')
  assert.deepEqual(await call('POST', '/refunds', half, 'k'), first)
  assert.equal((await call('POST', '/refunds', { ...half, amount: 501 }, 'k')).body.error, 'key_reused')
  assert.equal((await call('POST', '/refunds', half)).body.error, 'key_needed')
  now += 24 * 60 * 60 * 1_000
  assert.notEqual((await call('POST', '/refunds', half, 'k')).body.refund?.id, first.body.refund?.id)
  service.setFaults([], { duplicates: 'off' })
  await call('POST', '/refunds', half, 'k')
  assert.equal(service.books().refunds.length, 3)
  assert.equal((await call('POST', '/refunds', half, 'l')).body.error, 'too_much')
})

test('it refunds no more than is left, in the charge’s currency, to whom it was charged', async (t) => {
  const service = await startBilling({ books: join(await folder(t), 'books.json'), token: TOKEN })
  t.after(() => service.close())
  const call = caller(service.url)
  const refused = async (change: object) => (await call('POST', '/refunds', { ...REFUND, ...change }, 'k')).body.error
  assert.equal(await refused({ amount: 1_901 }), 'too_much')
  assert.equal(await refused({ amount: 0 }), 'bad_request')
  assert.equal(await refused({ currency: 'USD' }), 'currency')
  assert.equal(await refused({ customer: 'alex@quickrefunds.example' }), 'other_customer')
  assert.equal(await refused({ charge: 'ch_0' }), 'not_found')
  assert.deepEqual(service.books().refunds, [])
})

test('the same seed strikes the same requests', async (t) => {
  const service = await startBilling({ books: join(await folder(t), 'books.json'), token: TOKEN })
  t.after(() => service.close())
  const call = caller(service.url)
  const statuses = async () => {
    await call('POST', '/faults', { faults: [{ fault: 'before', probability: 0.5, seed: 7, on: 'GET /charges' }] })
    const answers = Array.from({ length: 20 }, () => call('GET', '/charges?customer=tomasz@pawsandgo.example'))
    return (await Promise.all(answers)).map((a) => a.status).sort((a, b) => a - b)
  }
  const first = await statuses()
  assert.deepEqual(new Set(first), new Set([200, 500]))
  assert.deepEqual(await statuses(), first)
})

test('as a process of its own: what it answered survives kill -9', async (t) => {
  const books = join(await folder(t), 'books.json')
  const start = async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'service.ts'), '--books', books], {
      env: { ...process.env, BILLING_TOKEN: TOKEN },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.after(() => child.kill('SIGKILL'))
    for await (const line of createInterface(child.stdout))
      return { child, call: caller((JSON.parse(line) as { url: string }).url) }
    throw new Error('the service ended before it was ready')
  }
  const { child, call } = await start()
  await call('POST', '/faults', { faults: [{ fault: 'after', on: 'POST /refunds' }] })
  assert.equal((await call('POST', '/refunds', REFUND, 'k')).status, 500)
  child.kill('SIGKILL')
  await once(child, 'exit')
  const again = await start()
  const found = (await again.call('GET', '/refunds?key=k')).body.refund
  assert.equal(found?.reversedAt, null)
  assert.deepEqual((await again.call('POST', '/refunds', REFUND, 'k')).body.refund, found)
})

test('without an address it runs a service of its own, with the same books and token at the next start', async (t) => {
  const dataFolder = await folder(t)
  const connector = billing.connect()
  const ctx = { key: 'k', token: 1, laneToken: null, proposedAt: 0, signal: AbortSignal.timeout(60_000) }
  const one = await connector.open({ dataFolder })
  const made = await billing.refund.run(REFUND, { ...ctx, connection: one })
  await connector.close(one)
  const two = await connector.open({ dataFolder })
  t.after(() => connector.close(two))
  assert.equal(two.token, one.token)
  const [, second] = (await billing.charges.run({ customer: REFUND.customer }, { ...ctx, connection: two })).charges
  assert.deepEqual([second?.reference, second?.refundable], ['NL-20872', 0])
  assert.deepEqual(await billing.refund.reconcile?.(REFUND, { ...ctx, connection: two }), {
    found: 'yes',
    output: made,
  })
})
