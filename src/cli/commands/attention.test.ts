import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { FactotumError } from '../../lib/errors.ts'
import { openCompany } from '../../server/open.ts'
import type { Command, Invocation } from '../command.ts'
import { away, digest, quiet } from './attention.ts'
import { costs } from './costs.ts'
import type { Company } from '../../server/company.ts'

const at = (path: string): string => new URL(path, import.meta.url).href

const COMPANY = `
import { company, workflow } from '${at('../../index.ts')}'
import { budget } from '${at('../../governance/spend/budgets.ts')}'
export default company({
  name: 'Studio',
  zone: 'Europe/Vienna',
  workflows: [workflow('tidy', { schedule: { cron: '0 9 1 1 *', zone: 'Europe/Vienna' } }, async () => null)],
  budgets: [budget({ name: 'models', per: 'month', money: { amount: '20', currency: 'EUR' } })],
  attention: { quiet: { from: '20:00', to: '07:00', days: ['mon', 'tue'] } },
})
`

let folder = ''

before(async () => {
  // A company in a folder, whatever the other tests run on.
  delete process.env.DATABASE_URL
  folder = await mkdtemp(join(tmpdir(), 'factotum-cli-'))
  await writeFile(join(folder, 'company.ts'), COMPANY)
})

after(() => rm(folder, { recursive: true, force: true }))

/** Runs a command as the command line does, and answers what it printed. */
async function cli(command: Command, positionals: string[] = [], flags: Invocation['flags'] = {}): Promise<string> {
  const lines: string[] = []
  const call: Invocation = {
    folder,
    positionals,
    flags,
    json: flags.json === true,
    out: (text = '') => void lines.push(`${text}\n`),
    print: (value) => void lines.push(JSON.stringify(value)),
  }
  assert.equal(await command.run(call), 0)
  return lines.join('')
}

void test('costs: what was spent by whom, and what is left', async () => {
  assert.match(await cli(costs, [], { month: '2020-02' }), /^Nothing was used in 2020-02\.\nbudgets\n/)
  const { default: declared } = (await import(pathToFileURL(join(folder, 'company.ts')).href)) as { default: Company }
  const open = await openCompany({ folder, company: declared, url: join(folder, 'data', 'company.db') })
  const use = { tier: 'light', model: 'm', workflow: null, run: null, action: null, connector: null, subject: null }
  const amount = { meter: 'billed', micros: 1_250_000, currency: 'EUR', tokens: 900 } as const
  await open.spend.reserveNow({ id: 'use_a', agent: 'triage', ...use, ...amount })
  await open.spend.settleNow('use_a', { micros: 1_000_000, tokens: 800 }, 'decided')
  await open.spend.reserveNow({ id: 'use_b', agent: 'draft', ...use, ...amount })
  await open.close()
  const out = await cli(costs)
  assert.match(out, /^\d{4}-\d\d by agent \(Europe\/Vienna\)\n/)
  assert.match(out, / draft {3}1\.25 EUR {2}billed {2}900 tokens {3}1 uses {2}1\.25 EUR still reserved\n/)
  assert.match(out, / triage {2}1\.00 EUR {2}billed {2}800 tokens {3}1 uses\n/)
  assert.match(out, / total {3}2\.25 EUR {2}billed {2}1700 tokens {2}2 uses/)
  assert.match(out, / models \(company, a month\): 2\.25 EUR of 20\.00 EUR, 17\.75 EUR left\n/)
  const { rows } = JSON.parse(await cli(costs, [], { by: 'outcome', json: true })) as {
    rows: { key: string | null }[]
  }
  assert.deepEqual(
    rows.map((r) => r.key),
    [null, 'decided'],
  )
  await assert.rejects(cli(costs, [], { by: 'mood' }), { code: 'cli.usage' })
  await assert.rejects(cli(costs, [], { month: 'May' }), { code: 'costs.month' })
})

void test('digest, away and quiet', async () => {
  assert.match(await cli(digest), /^Studio, .* \(Europe\/Vienna\), since [^]*\nBudgets\n {2}models/)
  assert.match(await cli(quiet), /^quiet from 20:00 to 07:00 on mon, tue \(Europe\/Vienna\)\nIt is /)
  assert.match(await cli(away), /^You are not away\.\nwaits: nothing\n/)
  const left = await cli(away, ['until', '2099-12-01'], { reason: 'the sea' })
  assert.match(left, /^You are away until 2099-12-01 00:00 \(Europe\/Vienna\): the sea\n/)
  assert.match(await cli(digest), /\nYou are away until 2099-12-01 00:00\.\n/)
  assert.match(await cli(away, ['off']), /^You are not away\./)
  await assert.rejects(cli(away, ['off']), { code: 'away.not_away' })
  for (const args of [['until'], ['off', '2099-12-01'], ['later']])
    await assert.rejects(cli(away, args), { code: 'cli.usage' })
  await assert.rejects(cli(away, ['until', 'soon']), { code: 'away.bad_time' })
})

void test('a company whose hours or budgets cannot be kept says so when it is declared', async () => {
  const { company } = await import('../../server/company.ts')
  const { budget } = await import('../../governance/spend/budgets.ts')
  const twice = budget({ name: 'a', per: 'day', count: 1 })
  for (const wrong of [{ zone: 'Vienna' }, { budgets: [twice, twice] }, { attention: { digest: { at: 'eight' } } }])
    assert.throws(() => company({ name: 'Studio', ...wrong }), FactotumError)
})
