import assert from 'node:assert/strict'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { policy } from './policy.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** The sample with the policies given. Inside the repository, so that 'factotum' means its sources. */
async function studio(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  await mkdir(join(ROOT, '.cache'), { recursive: true })
  const folder = await mkdtemp(join(ROOT, '.cache/policy-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const own = (source: string) => !/[/\\](data|inbox|policies)$/.test(source)
  await cp(join(ROOT, 'examples/studio'), folder, { recursive: true, filter: own })
  await mkdir(join(folder, 'policies'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, 'policies', name), text)
  return folder
}

async function run(folder: string, ...positionals: string[]): Promise<{ status: number; said: string }> {
  const lines: string[] = []
  const out = (text = '') => void lines.push(text)
  const call = { folder, positionals, flags: {}, json: false, out, print: (v: unknown) => out(JSON.stringify(v)) }
  return { status: await policy.run(call), said: lines.join('\n') }
}

const REFUNDS = `@id("refunds") @reason("small") @cap("5 per day") @expires("2020-01-01")
permit (principal, action == Action::"billing.refund", resource)
when { context.input.amount <= 2000 };
@id("never") forbid (principal, action == Action::"billing.refund", resource)
when { context.input.currency == "USD" };
`

test('policies are listed with what they may and until when', async (t) => {
  const listed = await run(await studio(t, { 'refunds.cedar': REFUNDS }), 'list')
  assert.equal(listed.status, 0)
  assert.match(
    listed.said,
    /^run {5}refunds {2}policies\/refunds\.cedar:1\n +small\n +EXPIRED after 2020-01-01\n +at most 5 per day\nrefuse {2}never/,
  )
  assert.match((await run(await studio(t, {}), 'list')).said, /^There are no policies/)
})

test('check says what is wrong where, and with its status', async (t) => {
  const good = await run(await studio(t, { 'refunds.cedar': REFUNDS }), 'check')
  assert.equal(good.status, 0)
  assert.match(
    good.said,
    /^policies\/refunds\.cedar:1: warning: refunds expired after 2020-01-01\nin order: 2 policies/,
  )
  const bad = await run(await studio(t, { 'refunds.cedar': REFUNDS.replace('amount', 'amont') }), 'check')
  assert.equal(bad.status, 1)
  assert.match(bad.said, /^policies\/refunds\.cedar:3:8: .*Did you mean `amount`.*\nNOT IN ORDER: 1 problem$/)
})

test('a test file says the verdict and what led to it, and fails where another was expected', async (t) => {
  const folder = await studio(t, { 'refunds.cedar': REFUNDS })
  const file = join(folder, 'refund.json')
  const request = {
    action: 'billing.refund',
    workflow: 'answer-mail',
    trust: 'verified',
    input: { charge: 'c', amount: 5, currency: 'EUR', customer: 'ada@example.org', reason: 'r' },
    at: '2019-12-31T12:00:00Z',
  }
  const tried = async (change: object) => {
    await writeFile(file, JSON.stringify({ ...request, ...change }))
    return run(folder, 'test', file)
  }
  assert.deepEqual(await tried({ expect: 'run' }), {
    status: 0,
    said: 'run: policies/refunds.cedar:1 refunds: small\n  run     refunds policies/refunds.cedar:1 small',
  })
  const later = await tried({ at: '2026-12-31T12:00:00Z', expect: 'run' })
  assert.equal(later.status, 1)
  assert.match(
    later.said,
    /^ask: default: .*\n {2}void {4}refunds .* it expired after 2020-01-01\nNOT AS EXPECTED: the test says run$/,
  )
  const dollars = await tried({ input: { ...request.input, currency: 'USD' } })
  assert.equal(dollars.status, 0)
  assert.match(dollars.said, /^refuse: policies\/refunds\.cedar:4 never/)
  await assert.rejects(run(folder, 'test'), { code: 'cli.usage' })
})
