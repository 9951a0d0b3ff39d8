import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { checkPolicies, loadPolicies, type Explanation } from '../../governance/policy.ts'
import { policyOptions, readPolicyTest } from '../../server/views/policies.ts'
import { ask } from '../client.ts'
import { command, misused, type Invocation } from '../command.ts'
import { loadCompany } from '../company-folder.ts'
import { confirmed, YES } from '../confirm.ts'
import { oneLine, plain } from '../text.ts'

export const policy = command('policy', {
  options: YES,
  arity: [1, 2],
  async run(call) {
    const [verb, argument] = call.positionals
    if (verb === 'list' && argument === undefined) return list(call)
    if (verb === 'check' && argument === undefined) return check(call)
    if (verb === 'test' && argument !== undefined)
      return existsSync(argument) ? testFile(call, argument) : test(call, argument)
    if (verb === 'allow' && argument !== undefined) return allow(call, argument)
    throw misused('policy')
  },
})

/** Without opening the store: also while the company runs. */
async function list(call: Invocation): Promise<number> {
  const policies = await loadPolicies(call.folder, policyOptions(await loadCompany(call.folder)))
  const expired = new Set(policies.expired(Date.now()).map((p) => p.id))
  const all = policies.list().map((p) => ({ ...p, expired: expired.has(p.id) }))
  if (call.json) call.print({ version: policies.version, policies: all })
  else if (all.length === 0)
    call.out('There are no policies: reads run, writes ask. docs/policies.md has five to copy into policies/.')
  else {
    for (const p of all) {
      call.out(`${p.outcome.padEnd(7)} ${p.id}  ${p.file}:${p.line}`)
      if (p.reason !== null) call.out(`        ${oneLine(p.reason, 300)}`)
      if (p.expires !== null) call.out(`        ${p.expired ? 'EXPIRED after' : 'until'} ${p.expires}`)
      if (p.cap !== null) call.out(`        at most ${p.cap}`)
    }
    call.out(`\n${all.length} of version ${policies.version}. What none speaks of: reads run, writes ask.`)
  }
  return 0
}

/** What CI runs: the files, and nothing of the store. */
async function check(call: Invocation): Promise<number> {
  const { policies, problems } = await checkPolicies(call.folder, policyOptions(await loadCompany(call.folder)))
  const warnings = policies?.warnings ?? []
  const expired = policies?.expired(Date.now()) ?? []
  if (call.json) call.print({ ok: policies !== null, problems, warnings, expired })
  else {
    for (const p of problems) call.out(`${p.file}:${p.line}:${p.column}: ${p.message}`)
    for (const w of warnings) call.out(`${w.file}:${w.line}:${w.column}: warning: ${w.message}`)
    for (const p of expired) call.out(`${p.file}:${p.line}: warning: ${p.id} expired after ${p.expires}`)
    if (policies) call.out(`in order: ${policies.list().length} policies, version ${policies.version}`)
    else call.out(`NOT IN ORDER: ${problems.length} problem${problems.length === 1 ? '' : 's'}`)
  }
  return policies ? 0 : 1
}

async function test(call: Invocation, id: string): Promise<number> {
  const tested = await ask(call.folder, 'policyTest', { id })
  if (call.json) call.print(tested)
  else {
    call.out(`${tested.action} by ${tested.workflow ?? 'the operator'}, ${tested.trust}`)
    printVerdict(call, tested)
    if (!tested.current) call.out('The company that runs was started before the files were changed: start it anew.')
  }
  return 0
}

async function testFile(call: Invocation, file: string): Promise<number> {
  const company = await loadCompany(call.folder)
  const options = policyOptions(company)
  const policies = await loadPolicies(call.folder, options)
  const actions = company.connectors.flatMap((c) => c.actions)
  const { request, expect } = readPolicyTest(await readFile(file, 'utf8'), actions, policies, Date.now())
  const verdict = policies.explain(request)
  const ok = expect === null || expect === verdict.outcome
  if (call.json) call.print({ ...verdict, expect, ok })
  else {
    printVerdict(call, verdict)
    if (!ok) call.out(`NOT AS EXPECTED: the test says ${expect}`)
  }
  return ok ? 0 : 1
}

/** "Always allow things like this": shows the change of the file, and makes it when it is confirmed. */
async function allow(call: Invocation, id: string): Promise<number> {
  const proposal = await ask(call.folder, 'policyProposal', { id })
  if (!call.json) call.out(plain(proposal.diff))
  if (call.json && call.flags.yes !== true) {
    call.print(proposal)
    return 0
  }
  if (!(await confirmed(call, `Change ${proposal.file}?`))) return 1
  const done = await ask(call.folder, 'policyAdopt', { id, binding: proposal.binding })
  if (call.json) call.print(done)
  else call.out(`${done.id} is in ${done.file}, and holds from now on. The gate itself still waits for you.`)
  return 0
}

function printVerdict(call: Invocation, { outcome, reason, findings }: Explanation): void {
  call.out(`${outcome}: ${oneLine(reason, 1_000)}`)
  for (const f of findings)
    call.out(`  ${f.effect.padEnd(7)} ${oneLine(`${f.policy || 'request'}  ${f.place}  ${f.why}`, 500)}`)
  if (findings.length === 0) call.out('  no policy speaks of it')
}
