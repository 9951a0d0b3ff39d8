/** "One planned task" of the sample company, and the example of docs/planner.md. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { mail } from 'factotum/mail'
import { FakeClock, testCompany } from 'factotum/testing'
import studio from '../../examples/studio/company.ts'
import { billing } from '../../examples/studio/connectors/billing/index.ts'
import { site } from '../../examples/studio/site.ts'
import type { Json } from '../../src/lib/json.ts'
import type { Planned } from '../../src/orchestration/planner/planner.ts'
import { factotum, gateThat, outbox, ROOT, sound, start, studio as folderOf } from '../studio/processes.ts'

const FILE = 'examples/studio/plans/chase-overdue.json'
const PLAN = JSON.parse(readFileSync(join(ROOT, FILE), 'utf8')) as Json
const DOCS = readFileSync(join(ROOT, 'docs/planner.md'), 'utf8')
const COMMAND = /^```sh\nfactotum do "([^"]+)" --plan (\S+)$/m.exec(DOCS)!

test('the documentation begins with the plan of the sample', () => {
  assert.deepEqual(JSON.parse(/^```json\n(.*?)^```/ms.exec(DOCS)![1]!), PLAN)
  assert.equal(COMMAND[2], FILE)
})

test('the planned task of the sample reminds those who are more than 14 days late', async () => {
  await using company = await testCompany({
    clock: new FakeClock(Date.UTC(2026, 10, 16, 9)),
    zone: studio.zone,
    agents: studio.agents,
    workflows: studio.workflows.filter((w) => w.workflow !== 'dunning'),
    connectors: [billing.connect(), mail.outbox({ from: 'Mara Lind <hello@northlight.example>' }), site()],
  })
  const { run } = await company.ask('do', { goal: COMMAND[1]!, plan: PLAN })
  await company.idle()
  const [gate] = await company.queue()
  assert.equal(gate!.risk, null, 'what a workflow does is not known')
  const { plan, effects } = gate!.proposal as Record<string, string>
  assert.match(plan!, /^2\. remind: for each of overdue\.invoices, one after the other: start the workflow "remind"/m)
  assert.match(effects!, /remind: what "remind" does is asked for at its own gates/)
  await company.decide('approve')

  const asked: string[] = []
  for (let letter; (letter = (await company.queue())[0]);) {
    asked.push(letter.title)
    await company.decide('approve', { gate: letter.id })
    await company.advance('2m')
  }
  assert.deepEqual(asked, [
    'Mail to nils@hafenwerk.example: A reminder: invoice NW-2026-029',
    'Mail to hinnerk@hafenverein.example: A reminder: invoice NW-2026-031',
  ])
  const end = (await company.result(run)) as unknown as Planned
  assert.equal(end.state, 'done')
  assert.deepEqual(
    end.steps[1]!.items!.map((i) => [i.key, i.state]),
    [
      ['NW-2026-029', 'succeeded'],
      ['NW-2026-031', 'succeeded'],
    ],
  )
  assert.equal(outbox(company.folder).length, 2)
  const letters = (await company.effects()).filter((e) => e.action === 'mail.send')
  assert.deepEqual(
    letters.map((e) => e.trust),
    ['outsider', 'outsider'],
  )
  await company.check()
})

interface Shown {
  readonly run: string
  readonly state: string
  readonly gate: string | null
  readonly plan: Json
  readonly reasons: readonly string[]
}

test('"factotum do" shows the plan, and approved it runs', { timeout: 180_000 }, async (t) => {
  const folder = folderOf(t)
  await start(t, folder)
  const out = join(folder, 'plan.json')
  const shown = await factotum<Shown>(folder, 'do', COMMAND[1]!, '--plan', join(ROOT, FILE), '--out', out)
  assert.equal(shown.state, 'proposed')
  assert.deepEqual([shown.plan, JSON.parse(readFileSync(out, 'utf8'))], [PLAN, PLAN])
  assert.equal((await gateThat(folder, (g) => g.kind === 'plan')).id, shown.gate)

  await factotum(folder, 'decide', shown.gate!, 'edit', '--value', readFileSync(out, 'utf8'))
  for (;;) {
    const { items: effects } = await factotum<{ items: { action: string; state: string; run: string }[] }>(
      folder,
      'effects',
    )
    if (effects.some((e) => e.action === 'billing.overdue' && e.state === 'succeeded')) break
  }
  assert.ok(await sound(folder))

  await assert.rejects(factotum(folder, 'do', 'file my taxes'), (error: { readonly stdout: string }) => {
    assert.match(error.stdout, /planner\.no_model/)
    return true
  })
})
