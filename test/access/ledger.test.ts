/** The ledger says who did it; what is secret is nowhere. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { actingAlone, actingFor, callerNow } from '../../src/lib/caller.ts'
import type { EventRow } from '../../src/store/index.ts'
import { onEachStore } from '../each-store.ts'
import { bearer, fromOurs, office, OWNER, PASSWORD, type Office } from './office.ts'

async function events(o: Office, kind = '%'): Promise<EventRow[]> {
  const text = o.company.open.store.engine.dialect === 'postgres' ? '$1' : '?'
  const rows = await o.company.open.store.engine.queryText(`select * from event where kind like ${text} order by seq`, [
    kind,
  ])
  return rows as unknown as EventRow[]
}

onEachStore('what a program decides is recorded as its own, and what follows from it is not', async (url) => {
  await using o = await office(url)
  const { id, secret } = await o.company.ask('tokenAdd', { name: 'desk', scope: 'decide' })
  const actor = `token:${id}`
  const started = await o.post('/v1/start', { workflow: 'ask', input: { title: 'Which?' } }, bearer(secret))
  await o.company.idle()
  const [gate] = await o.company.queue()
  await o.post('/v1/decide', { id: gate!.id, outcome: 'answer', value: '2' }, bearer(secret))
  await o.company.idle()
  assert.equal(await o.company.result(String(started.body.id)), '2')
  const byKind = Object.fromEntries((await events(o)).map((e) => [e.kind, e.actor]))
  assert.equal(byKind['run.started@1'], actor)
  assert.equal(byKind['gate.decided@1'], actor)
  assert.notEqual(byKind['gate.opened@1'], actor)
  assert.notEqual(byKind['run.ended@1'], actor)
  assert.equal(byKind['token.made@1'], 'operator')
  // The owner's command, and the operator in a browser, are the operator.
  const cookie = await o.signedIn()
  await o.page('/v1/pause', { reason: 'look' }, cookie)
  await o.post('/v1/resume', {}, bearer(OWNER))
  const pauses = (await events(o, 'pause.%')).map((e) => e.actor)
  assert.deepEqual(pauses, ['operator', 'operator'])
})

onEachStore('what an agent learns from does not depend on how the operator’s part came in', async (url) => {
  await using o = await office(url)
  const { id, secret } = await o.company.ask('tokenAdd', { name: 'desk', scope: 'decide' })
  const note = await o.post('/v1/remember', { text: 'We close at five.' }, bearer(secret))
  const own = await o.post('/v1/remember', { text: 'We open at nine.' }, bearer(OWNER))
  assert.deepEqual([note.status, own.status], [200, 200])
  const added = await events(o, 'document.added@1')
  assert.deepEqual(
    added.map((e) => e.actor),
    [`token:${id}`, 'operator'],
  )
})

onEachStore('a program cannot read the files of this machine by way of what it may propose', async (url) => {
  await using o = await office(url)
  const { secret } = await o.company.ask('tokenAdd', { name: 'notes', scope: 'propose' })
  const file = join(o.company.folder, 'keys', 'company.key')
  for (const path of [file, '/etc/hostname', '/nowhere'])
    assert.equal((await o.post('/v1/remember', { path }, bearer(secret))).code, 'access.scope', path)
  const own = join(o.company.folder, 'note.txt')
  writeFileSync(own, 'What the operator wrote.')
  assert.equal((await o.post('/v1/remember', { path: own }, bearer(OWNER))).status, 200)
})

onEachStore('a program with every scope does not become the operator', async (url) => {
  await using o = await office(url)
  const { secret, id } = await o.company.ask('tokenAdd', { name: 'all', scope: 'admin' })
  assert.equal((await o.post('/v1/accessLink', {}, bearer(secret))).code, 'access.scope')
  const made = await o.post('/v1/tokenAdd', { name: 'another', scope: 'read' }, bearer(secret))
  assert.equal(made.body.by, `token:${id}`)
})

onEachStore('facts that it may only propose are its own, and not where the operator alone writes', async (url) => {
  await using o = await office(url)
  const { secret, id } = await o.company.ask('tokenAdd', { name: 'crm', scope: 'propose' })
  await o.post('/v1/start', { workflow: 'meet', input: { who: 'ada@example.org' } }, bearer(OWNER))
  await o.company.idle()
  const said = (attribute: string) =>
    o.post('/v1/factAssert', { entity: 'ada@example.org', attribute, value: 'x', reason: 'seen' }, bearer(secret))
  assert.equal((await said('secret')).code, 'fact.not_a_writer')
  assert.equal((await said('name')).status, 200)
  const [fact] = await o.company.open.store.engine.queryText(
    `select trust, maker, actor from fact where attribute = 'name'`,
    [],
  )
  assert.deepEqual({ ...fact }, { trust: 'verified', maker: `token:${id}`, actor: `token:${id}` })
})

onEachStore('what a program that may only propose says is not believed as the operator’s', async (url) => {
  await using o = await office(url)
  const labels: unknown[] = []
  for (const scope of ['propose', 'decide'] as const) {
    const { secret } = await o.company.ask('tokenAdd', { name: scope, scope })
    const note = await o.post('/v1/remember', { text: `A ${scope} note.`, trust: 'operator' }, bearer(secret))
    await o.post('/v1/addTask', { text: 'Call', by: '3d' }, bearer(secret))
    await o.post('/v1/sessionSet', { session: scope, name: 'n', value: 1 }, bearer(secret))
    await o.post('/v1/start', { workflow: 'ask', input: { title: scope } }, bearer(secret))
    await o.company.idle()
    const held = await o.company.ask('sessionGet', { session: scope, name: 'n' })
    const [task, run] = await Promise.all(
      ['task.added@1', 'run.started@1'].map(
        async (kind) => JSON.parse((await events(o, kind)).at(-1)!.body) as { trust: string },
      ),
    )
    labels.push([note.body.trust, task!.trust, held?.trust, run!.trust])
  }
  assert.deepEqual(labels, [Array(4).fill('verified'), Array(4).fill('operator')])
})

onEachStore('sign-ins, tokens and refusals are in the ledger, and an attacker cannot fill it', async (url) => {
  await using o = await office(url)
  const { id, secret } = await o.company.ask('tokenAdd', { name: 'desk', scope: 'read' })
  const cookie = await o.signedIn()
  await o.page('/access/sign-out', {}, cookie)
  for (let i = 0; i < 300; i++) await o.post('/v1/pause', {}, bearer(secret))
  await o.post('/v1/pause', {}, { origin: 'https://evil.example', cookie })
  for (let i = 0; i < 300; i++) await o.get('/v1/status', bearer(`fct_${'x'.repeat(43)}`))
  await o.access.refusals.flush()
  const kinds = (await events(o)).map((e) => e.kind)
  for (const kind of ['token.made@1', 'access.signed_in@1', 'access.signed_out@1'])
    assert.ok(kinds.includes(kind), kind)
  const refused = (await events(o, 'access.refused@1')).map(
    (e) => JSON.parse(e.body) as { what: string; who: string | null; count: number },
  )
  const last = (what: string) => refused.filter((r) => r.what === what).at(-1)
  assert.deepEqual([last('scope')!.count, last('scope')!.who], [300, `token:${id}`])
  assert.deepEqual([last('origin')!.count, last('origin')!.who], [1, null])
  assert.equal(last('token')!.count, 10)
  assert.equal(last('rate')!.count, 290)
  assert.ok(refused.length <= 30, String(refused.length))
  // What is told an hour later is only what was not told yet.
  const head = await o.company.open.store.engine.head()
  await o.access.refusals.flush()
  assert.equal(await o.company.open.store.engine.head(), head)
})

onEachStore(
  'no secret is in the ledger, in a table, in a file of the company, in an answer or on stderr',
  async (url) => {
    const said: string[] = []
    const write = process.stderr.write.bind(process.stderr)
    process.stderr.write = ((chunk: string | Uint8Array) => said.push(String(chunk)) > 0) as typeof process.stderr.write
    try {
      await using o = await office(url)
      const token = await o.company.ask('tokenAdd', { name: 'desk', scope: 'admin' })
      const guest = await o.company.ask('guestAdd', { name: 'Ms Account' })
      const link = await o.company.ask('accessLink', {})
      const first = await o.page('/access/first', { key: link.key, password: PASSWORD })
      const cookie = first.headers.getSetCookie()[0]!.split(';')[0]!
      await o.page('/access/guest', { key: guest.secret })
      const answers = [
        await o.get('/v1/tokens', bearer(token.secret)),
        await o.get('/v1/sessions', fromOurs(cookie)),
        await o.get('/access/sessions', fromOurs(cookie)),
        await o.get('/access/state', fromOurs(cookie)),
        await o.page('/access/sign-in', { password: `${PASSWORD}!` }),
        await o.page('/access/sign-in', { password: { is: PASSWORD } }),
        await o.page('/access/sign-in', `{"password":"${PASSWORD}`),
        await o.page('/access/first', { key: link.key }),
        await o.page('/access/guest', { key: token.secret }),
        await o.get(`/v1/run?id=${token.secret}`, bearer(token.secret)),
      ]
      const { engine } = o.company.open.store
      const tables: string[] = []
      for (const table of ['event', 'access_token', 'access_credential', 'access_session', 'access_link'])
        tables.push(JSON.stringify(await engine.queryText(`select * from ${table}`, [])))
      assert.ok(tables.every((t) => t.length > 2 || t === '[]'))
      const files = readdirSync(o.company.folder, { recursive: true, withFileTypes: true })
        .filter((f) => f.isFile())
        .map((f) => readFileSync(join(f.parentPath, f.name), 'latin1'))
      // What was asked for by name is in its own refusal; that is not told to anybody else.
      const texts = [...answers.slice(0, -1).map((a) => JSON.stringify(a.body)), ...tables, ...files, ...said]
      for (const secret of [token.secret, guest.secret, link.key, PASSWORD, cookie.split('=')[1]!, OWNER])
        for (const text of texts) assert.ok(!text.includes(secret), `${secret.slice(0, 4)} in ${text.slice(0, 80)}`)
    } finally {
      process.stderr.write = write
    }
  },
)

onEachStore('what goes on by itself is nobody’s', async (url) => {
  await using o = await office(url)
  const seen: (string | undefined)[] = []
  const stop = o.company.open.store.onCommit(() => seen.push(callerNow()?.actor))
  const caller = { actor: 'token:tok_x', scopes: 'admin' } as const
  await actingFor(caller, () => o.company.ask('pause', {}))
  stop()
  assert.deepEqual(seen, [undefined])
  assert.equal(
    actingFor(caller, () => callerNow()?.actor),
    'token:tok_x',
  )
  assert.equal(
    actingFor(caller, () => actingAlone(() => callerNow())),
    undefined,
  )
})
