import type { CedarValueJson, EntityUid } from '@cedar-policy/cedar-wasm/nodejs'
import { errorCode } from '../../lib/errors.ts'
import type { Limit } from './annotations.ts'
import type { Calendar } from './calendar.ts'
import type { CedarModule } from './cedar.ts'
import { byDefault } from './defaults.ts'
import type {
  Cap,
  Explanation,
  Finding,
  Period,
  Policies,
  PolicyInfo,
  PolicyRequest,
  Problem,
  Used,
  Verdict,
} from './model.ts'
import type { Parsed } from './parse.ts'
import { inputValue, type InputType } from './schema.ts'

export interface PolicySetParts {
  readonly cedar: CedarModule
  readonly parsed: readonly Parsed[]
  /** What policies can read of each action's input. */
  readonly types: ReadonlyMap<string, InputType>
  readonly calendar: Calendar
  readonly version: string
  readonly warnings: readonly Problem[]
}

/** Policies that were found to be in order. */
export function policySet(parts: PolicySetParts): Policies {
  const { cedar, parsed, calendar, version, warnings } = parts
  // One set for each text: the same files loaded again take no more memory.
  const kept = cedar.preparsePolicySet(version, { staticPolicies: matchers(parsed) })
  if (kept.type === 'failure') throw new Error(`Cedar did not keep the policies: ${kept.errors[0]?.message}`)
  const all = parsed.map(infoOf)
  const explain = (request: PolicyRequest) => ({ ...combine(findSafely(parts, request), request.risk), version })
  return {
    version,
    warnings,
    list: () => all,
    expired: (at) => {
      const today = calendar.local(at).date
      return all.filter((p) => isOver(p, today))
    },
    caps: (at) => parsed.flatMap((policy) => capsOf(policy, calendar, at)),
    explain,
    verdict: (request): Verdict => {
      const { findings: _, ...verdict } = explain(request)
      return verdict
    },
  }
}

/**
 * Every policy as a permit: Cedar names all permits whose condition holds, but of permits and forbids only those that
 * settle its own two-valued answer. Which of run, ask and refuse wins is decided here. Both words have six letters.
 */
function matchers(parsed: readonly Parsed[]): Record<string, string> {
  return Object.fromEntries(
    parsed.map(({ statement: { text, keyword } }, i) => [
      `${i}`,
      `${text.slice(0, keyword)}permit${text.slice(keyword + 6)}`,
    ]),
  )
}

function infoOf({ id, file, line, outcome, reason, expires, cap }: Parsed): PolicyInfo {
  return { id, file, line, outcome, reason, expires, cap }
}

function isOver({ expires }: Pick<Parsed, 'expires'>, today: string): boolean {
  return expires !== null && today > expires
}

function capsOf({ id, limits }: Parsed, calendar: Calendar, at: number): Cap[] {
  const periods = [...new Set(limits.map((l) => l.per))]
  return periods.map((per) => ({
    policy: id,
    per,
    since: calendar.startOf(per, at),
    currency: limits.find((l) => l.per === per && l.currency !== null)?.currency ?? null,
  }))
}

const uid = (type: string, id: string): EntityUid => ({ type, id: id.toWellFormed() })

/** Whatever goes wrong in asking asks. */
function findSafely(parts: PolicySetParts, request: PolicyRequest): Finding[] {
  try {
    return find(parts, request)
  } catch (error) {
    return [misfit(`the policies could not be asked (${errorCode(error)})`)]
  }
}

/** What each policy that matches has to say, and each that cannot be evaluated. */
function find(parts: PolicySetParts, request: PolicyRequest): Finding[] {
  const { cedar, parsed, calendar, version } = parts
  const local = calendar.local(request.at)
  const { context, misfits } = contextOf(parts, request, local)
  const answer = cedar.statefulIsAuthorized({
    principal: request.workflow === null ? uid('Operator', 'operator') : uid('Workflow', request.workflow),
    action: uid('Action', request.action),
    resource: uid('Connector', request.connector),
    context,
    preparsedPolicySetId: version,
    entities: [],
  })
  if (answer.type === 'failure') return [...misfits, misfit('Cedar did not take the request')]
  const { reason, errors } = answer.response.diagnostics
  const findings = [
    ...reason.map((number) => judge(parsed[Number(number)]!, request, local.date)),
    ...errors.flatMap(({ policyId, error }) => {
      const policy = parsed[Number(policyId)]!
      return isOver(policy, local.date) ? [] : [finding(policy, 'error', inWords(error.message))]
    }),
  ]
  const order = new Map(parsed.map((p, i) => [p.id, i]))
  return [...misfits, ...findings.toSorted((a, b) => order.get(a.policy)! - order.get(b.policy)!)]
}

function finding({ id, file, line }: Parsed, effect: Finding['effect'], why: string): Finding {
  return { policy: id, place: `${file}:${line}`, effect, why }
}

/** Something about the request that no policy can be asked about: it asks, whatever permits it. */
function misfit(why: string): Finding {
  return { policy: '', place: '', effect: 'error', why }
}

function contextOf(
  { types }: PolicySetParts,
  request: PolicyRequest,
  local: { readonly hour: number; readonly weekday: number },
): { context: Record<string, CedarValueJson>; misfits: Finding[] } {
  const { action, risk, trust, away, at, money } = request
  const entity = (type: string, id: string) => ({ __entity: { type, id } })
  const context: Record<string, CedarValueJson> = {
    risk: entity('Risk', risk),
    trust: entity('Trust', trust),
    away,
    hour: local.hour,
    weekday: local.weekday,
    epochMs: Math.trunc(at),
  }
  const misfits: Finding[] = []
  if (money !== null && Number.isSafeInteger(money.micros))
    context.money = { micros: money.micros, currency: money.currency.toWellFormed() }
  else if (money !== null) misfits.push(misfit('its cost is not a whole number of millionths'))
  const type = types.get(action)
  const input = type && inputValue(request.input, type)
  if (input !== undefined) context.input = input
  else if (type) misfits.push(misfit(`its input is not what ${action} declares`))
  return { context, misfits }
}

/** What a policy whose condition holds comes to. */
function judge(policy: Parsed, request: PolicyRequest, today: string): Finding {
  if (isOver(policy, today)) return finding(policy, 'void', `it expired after ${policy.expires}`)
  if (policy.outcome !== 'run') return finding(policy, policy.outcome, policy.reason ?? 'it says so')
  if (request.risk === 'irreversible' && request.trust === 'outsider' && !policy.readsTrust)
    return finding(
      policy,
      'void',
      'an outsider led to this, it cannot be taken back, and the policy does not say which trust it means',
    )
  const over = policy.limits.map((limit) => overLimit(limit, policy, request)).find((why) => why !== null)
  return over === undefined ? finding(policy, 'run', policy.reason ?? 'it says so') : finding(policy, 'void', over)
}

/** Why one more would be over a limit; null where it is not. */
function overLimit(
  { per, count, micros, currency }: Limit,
  policy: Parsed,
  { used, money }: PolicyRequest,
): string | null {
  const so = countedFor(used, policy.id, per)
  if (!so) return `its cap of ${policy.cap} could not be counted`
  if (count !== null) return so.count + 1 > count ? `its cap of ${policy.cap} is used up` : null
  if (money?.currency !== currency || !money || !(money.micros >= 0))
    return `its cap is in ${currency}, and this states no cost in ${currency}`
  // Written so that a number that is none is over the limit too.
  return so.micros + money.micros <= micros! ? null : `its cap of ${policy.cap} would be passed`
}

function countedFor(used: readonly Used[], policy: string, per: Period): Used | undefined {
  const found = used.find((u) => u.policy === policy && u.per === per)
  return found && found.count >= 0 && found.micros >= 0 ? found : undefined
}

/** Refuse beats ask beats run; what could not be evaluated asks; where nothing is left, the default. */
function combine(findings: readonly Finding[], risk: PolicyRequest['risk']): Omit<Explanation, 'version'> {
  const of = (...effects: readonly Finding['effect'][]) => findings.filter((f) => effects.includes(f.effect))
  const won = (outcome: Explanation['outcome'], by: readonly Finding[]) => ({
    outcome,
    reason: by.map(sentence).slice(0, MAX_REASONS).join('; ') + (by.length > MAX_REASONS ? '; and more' : ''),
    policies: [...new Set(by.flatMap((f) => (f.policy === '' ? [] : [f.policy])))],
    findings,
  })
  const [refuse, ask, run, lost] = [of('refuse'), of('ask', 'error'), of('run'), of('void')]
  if (refuse.length > 0) return won('refuse', refuse)
  if (ask.length > 0) return won('ask', ask)
  if (run.length > 0) return won('run', run)
  const rule = byDefault(risk)
  const reason =
    rule.outcome === 'run' || lost.length === 0 ? rule.reason : `${rule.reason}; ${won('ask', lost).reason}`
  return { ...rule, reason, policies: [], findings }
}

const MAX_REASONS = 3

function sentence({ policy, place, effect, why }: Finding): string {
  if (policy === '') return `could not be judged: ${why}`
  const how = { error: 'could not be evaluated: ', void: 'does not count: ' } as Readonly<Record<string, string>>
  return `${place} ${policy}: ${how[effect] ?? ''}${why}`
}

/** Why a policy could not be evaluated, without the values that Cedar's own sentence quotes: verdicts are not erased. */
function inWords(message: string): string {
  if (message.includes('overflow')) return 'a number in it grew beyond 64 bits'
  const missing = /does not have the attribute `([\w.-]{1,80})`/.exec(message)?.[1]
  return missing === undefined ? 'a function in it did not take its argument' : `there is no "${missing}" here`
}
