import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { onEachStore } from '../../../test/each-store.ts'
import { Shop } from '../../../test/shop.ts'
import { agent, entity, signal, workflow, z } from '../../index.ts'
import { eventLeaf } from '../../lib/event-leaf.ts'
import { sql } from '../../store/index.ts'
import { testCompany, type TestCompany } from '../../testing.ts'
import { operateAsOf } from '../operations.ts'
import { checkDossier, writeDossier } from './dossier.ts'
import { html, markdown, page, table } from './html.ts'

const run = promisify(execFile)
const CANARY = 'canary7f3a'
const Asked = z.object({ from: z.string(), text: z.string() })
const asked = signal('test.asked', Asked)
const Customer = entity('customer', { issue: z.string() })
const triage = agent('triage', {
  input: Asked,
  output: z.string(),
  tiers: [({ text }) => (text.includes('sure') ? { value: text, because: text } : null), 'operator'],
})

/** A company in which a canary is in everything that somebody said. */
async function history(url: string | undefined): Promise<TestCompany> {
  const shop = new Shop()
  const desk = workflow('desk', { on: asked, lane: (m) => m.from }, async (ctx, message) => {
    const customer = await ctx.facts.about(Customer, message.from)
    const { value } = await ctx.decide(triage, message)
    await ctx.facts.assert(customer, { issue: value })
    await ctx.step('note', () => ({ note: value }))
    await ctx.act(shop.order(), { item: value, amount: 2 })
    return message.text
  })
  const c = await testCompany({
    workflows: [desk],
    connectors: [shop.connector()],
    agents: [triage],
    ...(url ? { url } : {}),
  })
  for (const n of [1, 2, 3, 4])
    await c.send(asked, { from: `${CANARY}${n}@x.example`, text: `${CANARY} sure` }, { id: `${CANARY}${n}` })
  await c.send(asked, { from: `${CANARY}5@x.example`, text: CANARY }, { id: `${CANARY}5` })
  shop.script.push(() => Promise.reject(new Error(CANARY)))
  const gates = (await c.queue()).filter((g) => g.kind === 'effect')
  await c.decide('approve', { gate: gates[0]!.id })
  await c.decide('approve', { gate: gates[1]!.id })
  await c.decide('reject', { gate: gates[2]!.id, reason: CANARY })
  await c.ask('pause', { scope: 'desk', reason: CANARY })
  await c.advance('2h')
  await c.ask('resume', { scope: 'desk' })
  const done = (await c.effects()).find((e) => e.state === 'succeeded')!
  const plan = await c.ask('undoPlan', { id: done.id })
  await c.ask('undo', { id: done.id, binding: plan.binding })
  await c.idle()
  return c
}

async function folderFor(t: { after(work: () => Promise<void>): void } | null): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'factotum-dossier-'))
  t?.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function texts(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name))
  return new Map(
    await Promise.all(files.map(async (f) => [f.slice(folder.length + 1), await readFile(f, 'utf8')] as const)),
  )
}

onEachStore('a dossier verifies, by itself too, and holds nothing personal', async (url) => {
  const folder = await folderFor(null)
  await using c = await history(url)
  try {
    const to = join(folder, 'dossier')
    const made = await c.ask('dossier', { folder: to })
    const found = await checkDossier(to, made.vkey)
    assert.deepEqual([found.problems, found.events], [[], made.events])
    assert.ok(found.proofs > 20)
    const alone = await run(process.execPath, [join(to, 'verify/verify.mjs'), to, made.vkey])
    assert.equal(alone.stdout, `verified: ${found.files} files, ${found.events} events, ${found.proofs} proofs\n`)

    const files = await texts(to)
    for (const [path, text] of files) assert.doesNotMatch(text, new RegExp(CANARY, 'i'), path)
    const rows = await c.open.store.engine.queryText('select private, salt from event where private is not null', [])
    assert.ok(
      rows.some((row) => String(row.private).includes(CANARY)),
      'the company has it',
    )
    for (const { salt } of rows) {
      const bytes = Buffer.from(salt as Uint8Array)
      for (const [path, text] of files)
        assert.ok(
          !text.includes(bytes.toString('base64')) && !text.includes(bytes.toString('hex')),
          `a salt in ${path}`,
        )
    }

    // The numbers are those of the company.
    const record = JSON.parse(files.get('record.json')!) as {
      effects: { state: string; n: number }[]
      decisions: { tier: string; n: number }[]
    }
    const { effects } = await c.ask('status', {})
    const { undone = 0, ...others } = Object.fromEntries(record.effects.map((e) => [e.state, e.n]))
    assert.ok(undone === 1 || (others.undoing ?? 0) === 1)
    assert.equal(record.effects.find((e) => e.state === 'rejected')!.n, effects.rejected)
    assert.deepEqual(
      record.decisions.map((d) => [d.tier, d.n]),
      [['rule', 4]],
    )

    // Every link leads to a file of the folder, and every number's page has its events.
    for (const [path, text] of files) {
      if (!path.endsWith('.html')) continue
      for (const [, to] of text.matchAll(/href="([^"#]+)"/g))
        assert.ok(files.has(join(path, '..', to!)), `${path}: ${to}`)
    }
    await assert.rejects(c.ask('dossier', { folder: to }), { code: 'dossier.folder' })
    await c.check()
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

/** Each changes a copy of a dossier in a way that a forger would. */
const FORGERIES: Readonly<Record<string, (folder: string) => Promise<unknown>>> = {
  'a number on a page': (f) => edit(f, 'index.html', /runs of/, 'glorious runs of'),
  'an event of the ledger': (f) => edit(f, 'ledger.jsonl', /"effect.settled@1"/, '"effect.settled@2"'),
  'an event in a proof': (f) => edit(f, 'proofs.json', /succeeded/, 'confirmed'),
  'the setup': (f) => edit(f, 'setup.json', /"company": "Test"/, '"company": "Best"'),
  'the verifier': (f) => edit(f, 'verify/verify.mjs', /^/, '\n'),
  'a file more': (f) => writeFile(join(f, 'award.html'), 'best company'),
  'a file less': (f) => rm(join(f, 'costs.html')),
  'a file of the name of a folder': async (f) => {
    await rm(join(f, 'events'), { recursive: true })
    await mkdir(join(f, 'events'))
  },
  'the manifest': (f) => edit(f, 'manifest.note', /index\.html/, 'andex.html'),
}

async function edit(folder: string, path: string, from: RegExp, to: string): Promise<void> {
  const file = join(folder, path)
  const text = await readFile(file, 'utf8')
  assert.match(text, from)
  await writeFile(file, text.replace(from, to))
}

test('a changed dossier does not verify, whatever was changed', async (t: TestContext) => {
  const folder = await folderFor(t)
  await using c = await history(undefined)
  const to = join(folder, 'dossier')
  const { vkey } = await c.ask('dossier', { folder: to })
  for (const [what, forge] of Object.entries(FORGERIES)) {
    const copy = join(folder, 'copy')
    await cp(to, copy, { recursive: true })
    await forge(copy)
    assert.equal((await checkDossier(copy, vkey)).ok, false, what)
    await assert.rejects(run(process.execPath, [join(to, 'verify/verify.mjs'), copy, vkey]), what)
    await rm(copy, { recursive: true })
  }
  await using other = await testCompany()
  assert.equal((await checkDossier(to, other.open.keys.vkey)).ok, false, 'another key')
})

test('a ledger that was written over is not signed for anybody', async (t: TestContext) => {
  const folder = await folderFor(t)
  await using c = await history(undefined)
  await c.open.sealer.seal()
  const { engine } = c.open.store
  const [row] = await engine.queryText('select * from event order by seq limit 1', [])
  const forged = { ...row, privateHash: row!.private_hash, actor: 'nobody' }
  const write = sql('update event set actor = ?, leaf = ? where seq = ?')
  await c.open.store.write([write('nobody', eventLeaf(forged as never), Number(row!.seq))])
  await assert.rejects(c.ask('dossier', { folder: join(folder, 'dossier') }), { code: 'dossier.not_verified' })
  assert.deepEqual(await readdir(folder), [])
})

test('even who holds the key cannot put another number on a page', async (t: TestContext) => {
  const folder = await folderFor(t)
  await using c = await history(undefined)
  const to = join(folder, 'dossier')
  const { vkey } = await c.ask('dossier', { folder: to })
  await edit(to, 'track-record.html', /Effects by outcome/, 'Effects, all glorious')
  const { signFolder } = await import('../../governance/ledger/index.ts')
  await writeFile(join(to, 'manifest.note'), await signFolder(to, c.open.keys.signer))
  assert.match(
    (await checkDossier(to, vkey)).problems.join('\n'),
    /^track-record\.html: it is not what the ledger gives/,
  )
})

test('a dossier of the past is what one made then would have said', async (t: TestContext) => {
  const folder = await folderFor(t)
  await using c = await history(undefined)
  await writeDossier(c.open, join(folder, 'then'))
  const at = new Date(c.clock.now()).toISOString()
  await c.advance('1d')
  await c.send(asked, { from: 'later@x.example', text: 'sure' })
  await operateAsOf(c.open, 'dossier', { folder: join(folder, 'later') }, at)
  const [then, later] = await Promise.all([texts(join(folder, 'then')), texts(join(folder, 'later'))])
  assert.deepEqual([...later.keys()].sort(), [...then.keys()].sort())
  for (const [path, text] of then) assert.equal(later.get(path), text, path)
})

test('an empty company has a dossier, and a private part that was erased changes nothing of it', async (t: TestContext) => {
  const folder = await folderFor(t)
  await using empty = await testCompany()
  const { vkey } = await empty.ask('dossier', { folder: join(folder, 'empty') })
  assert.deepEqual((await checkDossier(join(folder, 'empty'), vkey)).problems, [])
  await using c = await history(undefined)
  await c.ask('dossier', { folder: join(folder, 'before') })
  await c.open.store.write([sql('update event set private = null, salt = null')()])
  await c.ask('dossier', { folder: join(folder, 'after') })
  const [before, after] = await Promise.all([texts(join(folder, 'before')), texts(join(folder, 'after'))])
  for (const [path, text] of before) assert.equal(after.get(path), text, path)
})

test('what was recorded is text and never markup', () => {
  const evil = '<script>alert(1)</script>\u202e"\'&'
  assert.equal(html`<p>${evil}</p>`.text, '<p>&#60;script&#62;alert(1)&#60;/script&#62;·&#34;&#39;&#38;</p>')
  assert.doesNotMatch(table([{ head: evil }], [[evil]], '').text, /<script/)
  assert.doesNotMatch(markdown(`# ${evil}\n- **${evil}** \`${evil}\`\n\\<b\\>`).text, /<script|<b>/)
  const text = page({ title: evil, company: evil, asOf: evil, menu: [], here: 'x.html', body: html`` })
  assert.doesNotMatch(text, /<script/)
  assert.match(text, /default-src &#39;none&#39;; style-src &#39;sha256-/)
})
