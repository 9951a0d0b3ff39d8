import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { Shop } from '../../test/shop.ts'
import { workflow } from '../index.ts'
import { testCompany, type TestCompany, type TestCompanyOptions } from '../testing.ts'
import { splitLines, verifyExport } from './ledger/index.ts'

const shop = new Shop()
const buy = workflow('buy', {}, (ctx) => ctx.act(shop.order(), { item: 'tea', amount: 1 }))
const options: TestCompanyOptions = { workflows: [buy], connectors: [shop.connector()] }

/** A company that has done something and is closed, so that its file can be changed behind its back. */
async function closed(): Promise<TestCompany> {
  const company = await testCompany(options)
  for (let i = 0; i < 3; i++) {
    await company.run(buy, null)
    await company.decide('approve')
  }
  await company.check()
  await company.close()
  return company
}

/** Changes the file by SQL, and opens the company on it. */
async function tampered(company: TestCompany, ...statements: string[]): Promise<TestCompany> {
  const db = new DatabaseSync(join(company.folder, 'company.db'))
  for (const statement of statements) db.exec(statement)
  db.close()
  return testCompany({ ...options, folder: company.folder, clock: company.clock })
}

const EVENT = 7
const COLUMNS: readonly (readonly [string, string])[] = [
  ['kind', `'x' || kind`],
  ['stream', `stream || 'x'`],
  ['actor', `'operator2'`],
  ['cause', `coalesce(cause, 0) + 1`],
  ['at', 'at + 1'],
  ['body', `replace(body, '"', ' "')`],
  ['private', `private || ' '`],
  ['salt', `x'00000000000000000000000000000000'`],
  ['private_hash', `'x' || private_hash`],
  ['leaf', `x'${'00'.repeat(32)}'`],
]

for (const [column, value] of COLUMNS) {
  test(`a changed ${column} is found, and the event is named`, async () => {
    await using company = await closed()
    const seq =
      column === 'private' || column === 'salt' || column === 'private_hash'
        ? `(select min(seq) from event where seq >= ${EVENT} and private is not null)`
        : String(EVENT)
    const again = await tampered(company, `update event set ${column} = ${value} where seq = ${seq}`)
    const [target] = await again.open.store.engine.queryText(`select ${seq} as seq`, [])
    const report = await again.ask('verify', {})
    assert.equal(report.ok, false)
    assert.equal(report.problems[0]!.seq, Number(target!.seq))
    await again.close()
  })
}

test('a changed key of a commit is found', async () => {
  await using company = await closed()
  const again = await tampered(
    company,
    `update event set key = key || 'x' where seq = (select max(seq) from event where key is not null and seq < 10)`,
  )
  const report = await again.ask('verify', {})
  assert.equal(report.ok, false)
  await again.close()
})

test('a missing event in the middle is found', async () => {
  await using company = await closed()
  const again = await tampered(company, `delete from event where seq = ${EVENT}`)
  const report = await again.ask('verify', {})
  assert.equal(report.ok, false)
  assert.equal(report.problems[0]!.seq, EVENT)
  await again.close()
})

test('a tail that was cut off is noticed, and nothing new is signed over it', async () => {
  await using company = await closed()
  const again = await tampered(company, 'delete from event where seq >= (select max(seq) - 2 from event)')
  const before = await again.open.store.engine.queryText('select max(size) as size, count(*) as n from checkpoint', [])
  const report = await again.ask('verify', {})
  assert.equal(report.ok, false)
  assert.match(report.problems[0]!.message, /ends after/)
  const after = await again.open.store.engine.queryText('select max(size) as size, count(*) as n from checkpoint', [])
  assert.deepEqual(after, before)
  await again.close()
})

const TREE: readonly (readonly [string, string])[] = [
  [
    'signature of a checkpoint',
    `update checkpoint set note = replace(note, 'AAA', 'BBB') || 'x' where size = (select max(size) from checkpoint)`,
  ],
  ['size of a checkpoint', 'update checkpoint set size = size - 1 where size = (select max(size) from checkpoint)'],
  [
    'kept tree hash',
    `update tree_node set hash = x'${'00'.repeat(32)}' where level = (select min(level) from tree_node) and idx = 0`,
  ],
]

for (const [what, statement] of TREE) {
  test(`a changed ${what} is found`, async () => {
    await using company = await closed()
    // A subtree is kept once it is whole: enough events for one.
    const more = await testCompany({ ...options, folder: company.folder, clock: company.clock })
    await Promise.all(Array.from({ length: 80 }, () => more.run(buy, null)))
    await more.check()
    await more.close()
    const again = await tampered(company, statement)
    assert.equal((await again.ask('verify', {})).ok, false)
    await again.close()
  })
}

test('a cache of the tree that was changed is not signed over', async () => {
  await using company = await closed()
  const again = await tampered(company, `update checkpoint set frontier = zeroblob(length(frontier))`)
  await again.run(buy, null)
  await again.check()
  await again.close()
})

test('an exported ledger verifies with the key alone, redacted or not, and not with one byte changed', async () => {
  await using company = await closed()
  const again = await testCompany({ ...options, folder: company.folder, clock: company.clock })
  const key = (await readFile(join(company.folder, 'data/keys/ledger.pub'), 'utf8')).trim()
  for (const withPrivate of [true, false]) {
    const file = join(company.folder, `export-${withPrivate}.jsonl`)
    const done = await again.ask('export', { file, private: withPrivate })
    const text = await readFile(file, 'utf8')
    assert.equal(text.includes('tea'), withPrivate)
    const report = await verifyExport(splitLines([Buffer.from(text)] as never), key)
    assert.equal(report.ok && report.size, done.events)
    const changed = text.replace('run.started', 'run.begun')
    assert.equal((await verifyExport(splitLines([Buffer.from(changed)] as never), key)).ok, false)
    await assert.rejects(again.ask('export', { file, private: false }), { code: 'export.file' })
  }
  await again.close()
})

test('every event proves into the newest checkpoint, and one that is not there does not', async () => {
  await using company = await closed()
  const again = await testCompany({ ...options, folder: company.folder, clock: company.clock })
  const head = await again.open.store.engine.head()
  for (let event = 0; event < head; event++) assert.equal((await again.ask('prove', { event })).seq, event)
  await assert.rejects(again.ask('prove', { event: head }), { code: 'ledger.no_event' })
  await again.close()
})

test('doctor names the first row that is not what the ledger says', async () => {
  for (const [statement, named] of [
    [
      `update run set state = 'failed' where started_seq = (select min(started_seq) from run)`,
      /^run run_\S+, state: here "failed", the ledger says "done"/,
    ],
    [
      `update effect set output = '{"ref":"forged"}' where proposed_seq = (select min(proposed_seq) from effect)`,
      /^effect eff_\S+, output: here/,
    ],
    [
      `delete from gate where opened_seq = (select min(opened_seq) from gate)`,
      /^gate.*(missing|where the ledger says)/,
    ],
    [`insert into entity (id, kind, created_seq) values ('ent_x', 'customer', 0)`, /^entity ent_x: here, but/],
  ] as const) {
    await using company = await closed()
    const again = await tampered(company, statement)
    const found = await again.ask('doctor', {})
    assert.equal(found.identical, false)
    assert.match(found.difference!, named)
    await again.close()
  }
})
