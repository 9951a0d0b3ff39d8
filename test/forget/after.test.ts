/** What the company is like after somebody was forgotten. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FactotumError } from '../../src/lib/errors.ts'
import { OPERATIONS, operate, type OperationName } from '../../src/server/operations.ts'
import { sql } from '../../src/store/index.ts'
import type { TestCompany } from '../../src/testing.ts'
import { onEachStore } from '../each-store.ts'
import { addressOf, compare, mailOf, office, remember, wonder, word, wordsLeft } from './office.ts'
import { live } from './living.ts'

async function forget(c: TestCompany, who: string, also: string[] = []) {
  const plan = await c.ask('forgetPlan', { who, also })
  return c.ask('forget', { who, also, binding: plan.binding })
}

async function take(c: TestCompany, text: string): Promise<void> {
  const inbox = await mkdtemp(join(tmpdir(), 'inbox-'))
  await writeFile(join(inbox, 'a.eml'), text)
  await c.ingest(inbox)
  await rm(inbox, { recursive: true })
}

const streams = sql('select distinct stream from event order by stream')

onEachStore('everything can still be read, and says that it was erased', async (url) => {
  await using c = await office(url)
  await live(c, 'anna')
  await forget(c, addressOf('anna'))
  await c.ask('addTask', { text: 'look at it again', by: '1d' })
  const ids = (await c.open.store.read<{ stream: string }>(streams())).map((row) => row.stream)
  const of = (prefix: string) => ids.filter((id) => id.startsWith(`${prefix}_`)).map((id) => ({ id }))
  // Operations that change nothing, each with everything that it can be asked about.
  const reads: Partial<Record<OperationName, readonly object[]>> = {
    erasures: [{}],
    forgetPlan: [addressOf('anna'), ...of('ent').map(({ id }) => id)].map((who) => ({ who })),
    run: of('run'),
    planned: of('run'),
    gate: of('gate'),
    input: of('gate'),
    policyProposal: of('gate'),
    undoPlan: [...of('run'), ...of('eff'), ...of('dec')],
    runPlan: of('run').flatMap(({ id }) => ['retry', 'restart', 'cancel'].map((mode) => ({ id, mode }))),
    policyTest: [...of('run'), ...of('eff')],
    why: ids.map((id) => ({ id })),
    agent: [{ name: 'triage' }, { name: 'write' }],
    prove: [{ event: 0 }],
    scratch: [{ values: true }],
    sessionGet: [{ session: addressOf('anna'), name: 'chat' }],
    facts: of('ent').map(({ id }) => ({ entity: id })),
    factHistory: of('ent').map(({ id }) => ({ entity: id })),
    decision: of('dec'),
    precedents: [...of('dec').map(({ id }) => ({ of: id })), { of: 'a wish', agent: 'triage' }],
    conversation: of('conv'),
    task: of('task'),
    document: [...of('doc'), { id: 'doc_none' }],
    recall: [{ query: word('anna', 'body') }, ...of('ent').map(({ id }) => ({ query: 'hello', about: id }))],
    gates:
      of('gate').length === 0
        ? []
        : [
            {
              ids: of('gate')
                .map(({ id }) => id)
                .slice(0, 50),
            },
          ],
    ledger: [{ limit: 1_000 }, ...ids.map((id) => ({ related: id }))],
    event: Array.from({ length: await c.open.store.engine.head() }, (_, seq) => ({ seq })),
    effect: of('eff'),
    signal: of('sig'),
    file: [...of('sig'), ...of('sig').map(({ id }) => ({ id, n: 0 })), ...of('doc')],
    dossier: [{ folder: join(c.folder, 'dossier') }],
  }
  const plainly =
    'status queue signals runs effects dead pauses agents costs digest away quiet runbook doctor verify entities factsDue decisions due conversations tasks documents recallCosts recallIndex snapshotProgress snapshotList snapshotNow tokens sessions pushKey pushDevices today figures budgets forecast connectors policies workflows audits'
  for (const name of plainly.split(' ') as OperationName[]) reads[name] = [{}]
  const changes = new Set(
    'decide decideAll snooze wake audit release start do cancel retry restart undo redrive closeDead pause resume correct ingest export leave comeBack policyAdopt forget rebuild scratchClear sessionSet sessionDelete factAssert factCorrect factEnd factRetract entityMerge entitySplit entityKey complain closeConversation handOver addTask endTask moveTask remember snapshotCreate snapshotDrill tokenAdd guestAdd tokenRevoke accessLink sessionEnd pushSubscribe pushRenew pushUnsubscribe pushTest'.split(
      ' ',
    ),
  )
  for (const name of Object.keys(OPERATIONS))
    assert.ok(changes.has(name) || name in reads, `${name} was not asked: does it bear what is erased?`)
  for (const [name, all] of Object.entries(reads)) {
    assert.ok(all.length > 0, name)
    for (const args of all) {
      try {
        const given = await operate(c.open, name, args)
        const { base64 } = (given ?? {}) as { readonly base64?: string }
        const answer = base64 === undefined ? JSON.stringify(given) : Buffer.from(base64, 'base64').toString()
        assert.doesNotMatch(answer, /xannax/, `${name} ${JSON.stringify(args)}`)
      } catch (error) {
        // Refused in words is an answer; what is thrown by accident is none.
        if (!(error instanceof FactotumError)) throw error
      }
    }
  }
  for (const { id } of of('eff')) {
    const plan = await c.ask('undoPlan', { id })
    assert.ok(
      plan.steps.every((step) => step.how === 'leave'),
      'what was erased cannot be taken back',
    )
  }
  await c.check()
})

onEachStore('she writes again: a new start, of which nothing is known', async (url) => {
  await using c = await office(url)
  await live(c, 'anna')
  await forget(c, addressOf('anna'))
  const runs = (await c.list('runs', {})).length
  await take(c, mailOf('anna', 1))
  assert.equal((await c.list('runs', {})).length, runs, 'the mail that was forgotten does not come in again')
  await take(c, mailOf('anna', 2, 'anna-1@example.org'))
  await c.decide('answer', { value: 'again' })
  const [known] = (await c.open.store.read(sql('select value from fact where value is not null')())) as object[]
  assert.ok(known, 'facts are learned anew')
  const done = await forgetOpen(c, addressOf('anna'))
  assert.deepEqual(done.mentions, [])
  await c.check()
})

async function forgetOpen(c: TestCompany, who: string) {
  const plan = await c.ask('forgetPlan', { who })
  assert.ok(plan.open.some((one) => one.what === 'run') && plan.open.some((one) => one.what === 'gate'))
  await assert.rejects(c.ask('forget', { who, binding: plan.binding }), { code: 'forget.open' })
  return c.ask('forget', { who, binding: plan.binding, end: true })
}

onEachStore('what concerns others as well stays with them', async (url) => {
  await using c = await office(url)
  await live(c, 'bert')
  await live(c, 'anna', 'bert-1@example.org')
  const both = await c.run(compare, [addressOf('anna'), addressOf('bert')])
  const plan = await c.ask('forgetPlan', { who: addressOf('anna') })
  const kept = (what: string) => plan.kept.find((one) => one.what === what)?.ids ?? []
  assert.deepEqual(kept('runs_about_others'), [both])
  assert.deepEqual(
    kept('messages_of_others'),
    [],
    'she answered a mail of his, and that began a conversation of her own',
  )
  await forget(c, addressOf('anna'))
  assert.equal((await c.row(both)).result, '2')
  const messages = await c.open.store.read<{ party: string | null }>(sql('select party from message order by at')())
  assert.deepEqual(
    messages.map((m) => m.party),
    [addressOf('bert'), addressOf('bert'), null, null],
  )
  await c.check()
})

onEachStore('a place where she is mentioned is shown, stays, and goes where the operator says so', async (url) => {
  await using c = await office(url)
  await live(c, 'anna')
  const report = await c.run(remember, { note: `${addressOf('anna')} asked twice` })
  await mkdir(join(c.folder, 'data', 'notes'))
  await writeFile(join(c.folder, 'data', 'notes', 'x.txt'), `about ${addressOf('anna').toUpperCase()}`)
  const who = addressOf('anna')
  const plan = await c.ask('forgetPlan', { who })
  assert.deepEqual(
    plan.mentions.map((m) => m.of ?? m.where),
    [report, report, report, 'data/notes/x.txt'],
  )
  const first = await forget(c, who)
  assert.equal(first.mentions.length, 4)
  const second = await forget(c, who, [report, 'data/notes/x.txt'])
  assert.deepEqual(second.mentions, [])
  assert.equal((await c.list('erasures', {})).length, 2)
  await assert.rejects(forget(c, who, ['data/notes/x.txt']), { code: 'forget.no_file' })
  await assert.rejects(forget(c, 'nobody@example.org'), { code: 'forget.unknown' })
  await c.check()
})

onEachStore('a run under way that had read her facts goes on with them as unknown', async (url) => {
  await using c = await office(url)
  await live(c, 'bert')
  await live(c, 'anna')
  const id = await c.run(wonder, [addressOf('anna'), addressOf('bert')])
  const plan = await c.ask('forgetPlan', { who: addressOf('anna') })
  assert.deepEqual(plan.open, [], 'it looks at others as well and is not hers')
  await forget(c, addressOf('anna'))
  await c.decide('answer', { value: 'on' })
  assert.deepEqual(await c.result(id), [null, word('bert', 'name')])
  await c.check()
})

onEachStore('what was set aside goes too, also where nothing else is known of whoever sent it', async (url) => {
  await using c = await office(url)
  await live(c, 'bert')
  // Under an id that is known: nobody can tell whose it is, so it is set aside and starts nothing.
  await take(c, mailOf('bert', 1).replaceAll('bert', 'anna').replace('anna-1@', 'bert-1@'))
  assert.equal((await c.list('signals', { state: 'quarantined' })).length, 1)
  assert.notDeepEqual(await wordsLeft(c.folder, url, 'anna'), [])
  const plan = await c.ask('forgetPlan', { who: addressOf('anna') })
  assert.deepEqual([plan.counts.signal, plan.mentions], [1, []])
  await forget(c, addressOf('anna'))
  assert.deepEqual(await wordsLeft(c.folder, url, 'anna'), [])
  await c.check()
})

onEachStore('the company goes on while it forgets, and the files that others were sent as well stay', async (url) => {
  await using c = await office(url)
  await live(c, 'anna')
  const { binding } = await c.ask('forgetPlan', { who: addressOf('anna') })
  const shared = mailOf('bert', 7).replace(
    Buffer.from(word('bert', 'attachment')).toString('base64'),
    Buffer.from(word('anna', 'attachment')).toString('base64'),
  )
  const [done] = await Promise.all([
    c.ask('forget', { who: addressOf('anna'), binding }),
    ...Array.from({ length: 20 }, (_, n) => take(c, n === 0 ? shared : mailOf('bert', 100 + n))),
  ])
  assert.equal((await c.list('erasures', {})).length, 1)
  const left = await wordsLeft(c.folder, url, 'anna')
  assert.deepEqual(new Set(left.map((hit) => hit.split(' ')[0])), new Set(['attachment', 'file']))
  const again = await c.ask('forgetPlan', { who: addressOf('anna') })
  assert.deepEqual([again.counts, done.id === null], [{}, false])
  await c.check()
})

onEachStore('where somebody reads for long, it is erased now and cleaned later', async (url) => {
  await using c = await office(url, { onError: () => {} })
  await live(c, 'anna')
  const reader = await c.open.store.engine.snapshot()
  await reader.query('select count(*) as n from event')
  const done = await forget(c, addressOf('anna'))
  assert.match(done.unfinished!, /cannot/)
  assert.equal((await c.list('erasures', {}))[0]!.state, 'erased')
  await reader.close()
  await c.close()
  const next = await office(url, { folder: c.folder, clock: c.clock })
  await next.idle()
  assert.equal((await next.list('erasures', {}))[0]!.state, 'done')
  await next.check()
  await next.close()
  const left = await wordsLeft(c.folder, url, 'anna')
  assert.deepEqual(
    left.filter((hit) => !hit.endsWith('letters/anna.txt')),
    [],
  )
})
