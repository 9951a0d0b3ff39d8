import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { checkPolicies, loadPolicies, NO_POLICIES, type PolicyOptions } from '../policy.ts'

const OPTIONS: PolicyOptions = {
  actions: [
    {
      action: 'billing.refund',
      connector: 'billing',
      risk: 'compensable',
      input: z.object({ amount: z.int(), note: z.string().optional() }),
    },
    { action: 'mail.send', connector: 'mail', risk: 'irreversible', input: z.object({ to: z.email() }) },
  ],
  workflows: ['answer-mail'],
}

async function company(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'factotum-policies-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await mkdir(join(folder, 'policies'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, 'policies', name), text)
  return folder
}

/** What is wrong with one policy file, as `line:column message`. */
async function wrong(t: TestContext, text: string): Promise<string[]> {
  const { policies, problems } = await checkPolicies(await company(t, { 'a.cedar': text }), OPTIONS)
  assert.equal(policies === null, problems.length > 0)
  return problems.map((p) => `${p.line}:${p.column} ${p.message}`)
}

const refund = (condition: string) =>
  `@id("x")\npermit (principal, action == Action::"billing.refund", resource)\nwhen { ${condition} };`

test('every problem of every file is named with line and column', async (t) => {
  const folder = await company(t, {
    'b.cedar': '// größer 😀\n@id("one")\npermit (principal, action == Action::"billing.refnd", resource);\n',
    'a.cedar':
      '@id("two")\npermit (principal, action, resource)\n\nwhen { context.hour > };\n@id("three") forbid (principal, action, resource);',
    'c.cedar':
      '@id("three")\nforbid (principal, action, resource);\n@id("four") forbid (principal == Workflow::"answer-mial", action, resource);',
    'notes.txt': 'not a policy',
  })
  await assert.rejects(loadPolicies(folder, OPTIONS), (error: Error & { code: string; metadata: object }) => {
    assert.equal(error.code, 'policy.invalid')
    assert.deepEqual(error.metadata, { problems: 4 })
    const lines = error.message.split('\n')
    assert.match(lines[0]!, /^policies\/a\.cedar:4:23: Unexpected token `}`\. Expected /)
    assert.match(
      lines[1]!,
      /^policies\/b\.cedar:3:30: Unrecognized action .*billing\.refnd.*Did you mean .*billing\.refund/,
    )
    assert.equal(
      lines[2],
      'policies/c.cedar:1:1: The name "three" is taken by policies/a.cedar:5. Give this policy another one.',
    )
    assert.match(
      lines[3]!,
      /^policies\/c\.cedar:3:34: Entity `Workflow::"answer-mial"`.*Valid entity eids: "answer-mail"/,
    )
    assert.equal(lines[4], 'Correct these 4, then look with "factotum policy check".')
    return true
  })
})

test('a field, a label or a type that is not there is an error', async (t) => {
  const first = async (text: string) => (await wrong(t, text))[0]
  assert.match((await first(refund('context.input.amont <= 5')))!, /^3:8 .*input\.amont.*Did you mean `amount`/)
  assert.match(
    (await first(refund('context.input.amount == "5"')))!,
    /^3:8 The types Long and String are not compatible/,
  )
  assert.match((await first(refund('context.input.note == "x"')))!, /^3:8 .*optional.*has note/)
  assert.match((await first(refund('context.trust == Trust::"outsidr"')))!, /^3:25 .*outsidr/)
  assert.match(
    (await first(refund('context.trust == "outsider"')))!,
    /^3:8 The types (Trust and String|String and Trust)/,
  )
  assert.match((await first(refund('context has mony')))!, /^1:1 This policy can never apply/)
  assert.match((await first(refund('context.risk == Risk::"irreversable"')))!, /irreversable/)
  const anywhere = await wrong(t, '@id("x") forbid (principal, action, resource) when { context.input.amount > 5 };')
  assert.equal(anywhere.length, 1, 'one mistake is one problem, however many actions it concerns')
})

test('annotations are checked: a misspelt one would be silent', async (t) => {
  const one = async (annotations: string, effect = 'permit') =>
    (await wrong(t, `// about it\n${annotations} ${effect} (principal, action, resource);`)).join('\n')
  assert.match(await one(''), /^2:2 The policy has no name/)
  assert.match(await one('@id("x") @expire("2026-12-31")'), /^2:10 @expire is not known/)
  assert.match(await one('@id("x")\n@expires("2026-02-30")'), /^3:1 "2026-02-30" is not a date/)
  assert.match(await one('@id("Has Space")'), /^2:1 .*cannot be a name/)
  assert.match(await one('@id("x") @outcome("ask")'), /^2:10 A permit can say @outcome\("run"\), not "ask"/)
  assert.match(await one('@id("x") @outcome("run")', 'forbid'), /^2:10 A forbid can say/)
  assert.match(await one('@id("x") @cap("1 per day")', 'forbid'), /Only a permit can have a cap/)
  for (const cap of [
    '10',
    'ten per day',
    '10 per week',
    '1.5 per day',
    '1 EUR per day, 1 USD per month',
    '1 per day, 2 per day',
    '-1 per day',
  ])
    assert.match(await one(`@id("x") @cap("${cap}")`), /is not a cap/, cap)
  assert.equal(
    await one('@id("x") @cap("10 per day, 12.50 EUR per day, 200 EUR per month") @outcome("run") @reason("; // \\"")'),
    '',
  )
})

test('what is no policy file is told of', async (t) => {
  const text = (await wrong(t, 'permit (principal, action, resource)')).join('\n')
  assert.match(text, /^1:37 Unexpected end of input\. Expected `;`/)
  assert.match((await wrong(t, '@id("x") permit (principal == ?principal, action, resource);'))[0]!, /slot/)
  assert.match(
    (await wrong(t, `@id("x") permit (principal, action, resource) when { ${'('.repeat(5_000)}true };`))[0]!,
    /^1:1 Brackets/,
  )
  assert.match((await wrong(t, ';'))[0]!, /^1:1 /)
  assert.match((await wrong(t, '"'))[0]!, /^1:1 /)
  const folder = await company(t, {
    'a.cedar': Uint8Array.of(0xff, 0xfe),
    'b.cedar': new Uint8Array(2 ** 20 + 1).fill(32),
  })
  const { problems } = await checkPolicies(folder, OPTIONS)
  assert.deepEqual(
    problems.map((p) => [p.file, p.line]),
    [
      ['policies/a.cedar', 1],
      ['policies/b.cedar', 1],
    ],
  )
  await assert.rejects(loadPolicies(folder, { ...OPTIONS, zone: 'Mars/Olympus' }), { code: 'company.zone' })
})

test('what a policy says is listed with where it stands', async (t) => {
  const folder = await company(t, {
    'a.cedar':
      '\n// 1\n@id("one") @reason("because")\n@cap("10 per day") @expires("2026-12-31") permit (principal, action, resource);\r\n\r\n@id("two") @outcome("ask") forbid (principal, action, resource);\n',
  })
  const policies = await loadPolicies(folder, OPTIONS)
  assert.deepEqual(policies.list(), [
    {
      id: 'one',
      file: 'policies/a.cedar',
      line: 3,
      outcome: 'run',
      reason: 'because',
      expires: '2026-12-31',
      cap: '10 per day',
    },
    { id: 'two', file: 'policies/a.cedar', line: 6, outcome: 'ask', reason: null, expires: null, cap: null },
  ])
})

test('a company without policy files has the defaults and does not load Cedar', async (t) => {
  const folder = await company(t, { 'notes.md': '' })
  assert.equal(await loadPolicies(folder, OPTIONS), NO_POLICIES)
  assert.equal(await loadPolicies(join(folder, 'nowhere'), OPTIONS), NO_POLICIES)
  const loaded = (of: string) => {
    const code = `
      import { createRequire } from 'node:module'
      import { loadPolicies } from ${JSON.stringify(new URL('../policy.ts', import.meta.url).href)}
      await loadPolicies(${JSON.stringify(of)})
      console.log(Object.keys(createRequire(import.meta.url).cache).some((file) => file.includes('cedar-wasm')))`
    return execFileSync(process.execPath, ['--conditions=factotum-source', '--input-type=module', '-e', code], {
      encoding: 'utf8',
    })
  }
  assert.equal(loaded(folder), 'false\n')
  assert.equal(loaded(await company(t, { 'a.cedar': '// nothing yet' })), 'true\n')
})
