/**
 * A real server that refunds at the faulty billing service, killed with SIGKILL again and again. The service and the
 * operator live in this process.
 *
 * FACTOTUM_BILLING_KILLS and FACTOTUM_BILLING_SEED: see scripts/nightly.ts.
 */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { billing } from '../../examples/studio/connectors/billing/index.ts'
import { company as declare } from '../../src/server/company.ts'
import { openCompany } from '../../src/server/open.ts'
import { Server } from '../crash/server.ts'
import { dice } from './dice.ts'
import { examine } from './examine.ts'
import { Operator, type Ask } from './operator.ts'
import { books, faults, POLICY, scene } from './scenes.ts'
import { World } from './world.ts'

const KILLS = Number(process.env.FACTOTUM_BILLING_KILLS ?? 6)
const SEED = Number(process.env.FACTOTUM_BILLING_SEED ?? 20_261_102)
const ROOT = join(import.meta.dirname, '../..')
const RUNS_A_LIFE = 4
const MAX_LIFE_MS = 1_500
const SETTLE_MS = 90_000

const company = ({ service, token }: World) => `
import { company } from 'factotum'
import { billing } from ${JSON.stringify(join(ROOT, 'examples/studio/connectors/billing/index.ts'))}
import { settle } from ${JSON.stringify(join(import.meta.dirname, 'scenes.ts'))}

const connector = billing.connect({ url: '${service.url}', token: '${token}', answerMs: 10_000 })
export default company({ name: 'Killed', connectors: [connector], workflows: [settle] })
`

interface Status {
  readonly effects: Readonly<Record<string, number>>
  readonly runs: Readonly<Record<string, number>>
}

test(`a server that is killed ${KILLS} times refunds once`, async (t) => {
  const chance = dice(SEED)
  const seed = books(chance, KILLS * RUNS_A_LIFE)
  const folder = await mkdtemp(join(tmpdir(), 'factotum-killed-'))
  const world = await World.start({ folder, seed, duplicates: 'off' })
  const server = new Server(folder)
  try {
    await mkdir(join(folder, 'node_modules'))
    await symlink(ROOT, join(folder, 'node_modules/factotum'))
    await mkdir(join(folder, 'policies'))
    await writeFile(join(folder, 'policies', 'billing.cedar'), POLICY)
    await writeFile(join(folder, 'company.ts'), company(world))
    const ask: Ask = (name, args) => server.ask(name, args)
    const operator = new Operator(() => world.service.books(), chance)
    let started = 0
    for (let n = 0; n < KILLS; n++) {
      assert.ok(await server.start(), `It does not start any more: ${server.said}`)
      // So few that the service does not count as broken: that would take minutes, of which there are none here.
      world.goesWrong(faults(chance).map((f) => ({ ...f, probability: 1, next: 1 + chance.below(2) })))
      const killed = sleep(chance.below(MAX_LIFE_MS)).then(() => server.kill('SIGKILL'))
      for (let i = 0; i < RUNS_A_LIFE; i++) {
        // Without time that jumps, nothing is held for minutes.
        const input = { ...scene(chance, seed), hold: false, expires: false }
        if (await ask('start', { workflow: 'settle', input })) started++
      }
      while ((await operator.decides(ask, 0.8)) > 0);
      await killed
    }
    assert.ok(await server.start(), server.said)
    world.goesWrong([])
    await settled(ask, operator)
    assert.equal(await server.kill('SIGTERM'), 0, 'it stops in order')
    const open = await openCompany({
      folder,
      company: declare({ name: 'Killed', connectors: [billing.connect({ url: world.service.url })] }),
      url: join(folder, 'data/company.db'),
    })
    try {
      const { states, gates, entries } = await examine(world, operator, open)
      t.diagnostic(
        `seed ${SEED}: ${KILLS} kills, ${started} starts acknowledged, ${entries} entries; ${states}; ${gates}`,
      )
      assert.ok(entries > 0, 'something happened')
    } finally {
      await open.close()
    }
  } catch (error) {
    throw new Error(`FACTOTUM_BILLING_SEED=${SEED}: ${(error as Error).message}`, { cause: error })
  } finally {
    await server.kill('SIGKILL')
    await world.close()
    await rm(folder, { recursive: true, force: true })
  }
})

/** The service is well again: the operator decides until only what was put off is left. */
async function settled(ask: Ask, operator: Operator): Promise<void> {
  const until = performance.now() + SETTLE_MS
  for (;;) {
    const decided = await operator.decides(ask, 1)
    const status = (await ask<Status>('status', {}))!
    const underWay = ['held', 'dispatched', 'retrying', 'undoing', 'gated'].some((state) => status.effects[state])
    if (decided === 0 && !underWay && !status.runs.active) return
    if (performance.now() > until) throw new Error(`It does not settle: ${JSON.stringify(status)}`)
    operator.putOff.clear()
    await sleep(100)
  }
}
