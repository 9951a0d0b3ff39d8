import { randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { FactotumError } from '../../lib/errors.ts'
import { shortHash, type Json } from '../../lib/json.ts'
import { appendDiff } from './append-diff.ts'
import { calendar } from './calendar.ts'
import { compile, POLICY_FOLDER, readPolicyFiles, refuse, type PolicyOptions } from './load.ts'
import type { Policies, PolicyAction, PolicyRequest } from './model.ts'
import { inputType, inputValue, jsonSchemaOf, nonNull, type JsonSchema } from './schema.ts'

/** What the operator approved and would not be asked about again. */
export interface Allowance extends Pick<PolicyRequest, 'workflow' | 'trust' | 'input' | 'money' | 'at'> {
  readonly action: PolicyAction
  /** What `policies/allowed.cedar` says now; empty where it is not there. */
  readonly before: string
  /** The names that are taken, in any file. */
  readonly taken: readonly string[]
  readonly zone?: string
  /** How often a day. Default 10. */
  readonly perDay?: number
  /** For how many days. Default 30. */
  readonly days?: number
}

/** A change of a file, shown before it is made. */
export interface PolicyProposal {
  readonly id: string
  /** In the company's folder. */
  readonly file: string
  readonly before: string
  readonly after: string
  /** Unified. */
  readonly diff: string
  /** A hash of all of it: what a confirmation is for. */
  readonly binding: string
}

const ALLOWED = `${POLICY_FOLDER}/allowed.cedar`
const DAY_MS = 86_400_000

/**
 * A policy that lets things like this one run: the same action, workflow and trust, what its input pins (see
 * docs/policies.md), so many times a day, for so many days. Throws `policy.cannot_allow` for an irreversible action
 * whose input pins nobody: that the operator writes by hand.
 */
export function proposePolicy(a: Allowance): PolicyProposal {
  const { action } = a
  const pinned = pins(jsonSchemaOf(action.input), a.input)
  if (action.risk === 'irreversible' && !pinned.some((p) => p.whom))
    throw new FactotumError(
      'policy.cannot_allow',
      `${action.action} cannot be taken back, and nothing in its input says whom it is for in a way that a policy can hold on to. Write the policy that you mean into ${POLICY_FOLDER}/, or mark the field with .meta({ policy: 'same' }).`,
    )
  const id = freeName(`allow-${action.action.toLowerCase().replace(/[^a-z0-9._-]/g, '-')}`, a.taken)
  const expires = calendar(a.zone ?? 'UTC').local(a.at + (a.days ?? 30) * DAY_MS).date
  const principal =
    a.workflow === null ? 'principal == Operator::"operator"' : `principal == Workflow::${literal(a.workflow)}`
  const conditions = [trustAtLeast(a.trust), ...pinned.map((p) => p.text), ...moneyAtMost(a.money)]
  const policy = [
    `@id("${id}")`,
    '@reason("allowed at a gate")',
    `@expires("${expires}")`,
    `@cap("${a.perDay ?? 10} per day")`,
    'permit (',
    `  ${principal},`,
    `  action == Action::${literal(action.action)},`,
    `  resource == Connector::${literal(action.connector)}`,
    ')',
    'when {',
    conditions.map((c) => `  ${c}`).join(' &&\n'),
    '};',
    '',
  ].join('\n')
  const gap = a.before === '' ? '' : a.before.endsWith('\n') ? '\n' : '\n\n'
  const added = `${gap}${policy}`
  const after = a.before + added
  const binding = shortHash([ALLOWED, a.before, after])
  return { id, file: ALLOWED, before: a.before, after, diff: appendDiff(ALLOWED, a.before, added), binding }
}

interface Pin {
  readonly text: string
  /** It says whom the action touches, as far as can be told: an address, or what its author marked. */
  readonly whom: boolean
}

/** A field's mark, from `.meta({ policy: … })`: `same`, `atMost`, or `any`. */
type Marked = JsonSchema & { readonly policy?: unknown }

/**
 * What of an input a policy holds on to. A mark decides; without one, at the top of the input: the same address, code
 * (text with a pattern), choice or yes and no, and a number at most as large. Free text and what lies deeper is left open.
 */
function pins(schema: JsonSchema | null, input: Json, path = 'context.input', top = true): Pin[] {
  if (!schema || typeof input !== 'object' || input === null || Array.isArray(input)) return []
  const values = input as Readonly<Record<string, Json>>
  return Object.entries(schema.properties ?? {}).flatMap(([name, given]) => {
    const property = nonNull(given) as Marked
    const value = values[name]
    const type = inputType(given)
    if (!type || name.startsWith('__')) return []
    const at = /^[A-Za-z_]\w*$/.test(name) ? `${path}.${name}` : `${path}[${literal(name)}]`
    const optional = property !== given || !(schema.required ?? []).includes(name)
    const has = optional ? `${path} has ${/^[A-Za-z_]\w*$/.test(name) ? name : literal(name)}` : null
    if (value === undefined || value === null) return has === null ? [] : [{ text: `!(${has})`, whom: false }]
    const guard = (pin: Pin): Pin => (has === null ? pin : { ...pin, text: `${has} && ${pin.text}` })
    if (type.type === 'Record') return pins(property, value, at, false).map(guard)
    const mark = (given as Marked).policy ?? property.policy
    const hold = mark ?? (top ? holdOf(property) : 'any')
    if (inputValue(value, type) === undefined || type.type === 'Set') return []
    if (hold === 'same')
      return [guard({ text: `${at} == ${literal(value)}`, whom: mark === 'same' || property.format === 'email' })]
    if (hold === 'atMost' && type.type === 'Long') return [guard({ text: between(at, value as number), whom: false })]
    return []
  })
}

function holdOf({ type, format, pattern, enum: choices, const: constant }: JsonSchema): 'same' | 'atMost' | 'any' {
  if (type === 'integer') return 'atMost'
  const code = format === 'email' || (format === undefined && pattern !== undefined)
  const closed = type === 'boolean' || choices !== undefined || constant !== undefined || code
  return closed ? 'same' : 'any'
}

/** Not below zero either, where it is not: a negative amount is another thing. */
function between(at: string, value: number): string {
  return value < 0 ? `${at} == ${value}` : `${at} >= 0 && ${at} <= ${value}`
}

const TRUST = ['operator', 'verified', 'outsider'] as const

function trustAtLeast(trust: PolicyRequest['trust']): string {
  const names = TRUST.slice(0, TRUST.indexOf(trust) + 1).map((t) => `Trust::"${t}"`)
  return `[${names.join(', ')}].contains(context.trust)`
}

function moneyAtMost(money: PolicyRequest['money']): string[] {
  if (!money) return []
  const same = `context.money.currency == ${literal(money.currency)}`
  return [`context has money && ${same} && ${between('context.money.micros', Math.ceil(money.micros))}`]
}

/** A value as Cedar writes it. Whatever is not plain is escaped, so that no text from outside ends its string. */
function literal(value: Json): string {
  if (typeof value !== 'string') return JSON.stringify(value)
  const inner = Array.from(value.toWellFormed(), (c) =>
    /[\p{L}\p{N} !#-&(-/:-@[\]^_`{|}~]/u.test(c) ? c : `\\u{${c.codePointAt(0)!.toString(16)}}`,
  )
  return `"${inner.join('')}"`
}

function freeName(name: string, taken: readonly string[]): string {
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? name : `${name}-${n}`
    if (!taken.includes(candidate)) return candidate
  }
}

/** What `policies/allowed.cedar` says; empty where it is not there. */
export async function readAllowed(folder: string): Promise<string> {
  return readFile(join(folder, ALLOWED), 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  })
}

/**
 * Makes a proposed change: checks the policies as they would be, then replaces the file in one step that outlives a
 * crash. Answers the policies as they are then. Throws `policy.changed` where the file is no longer what was shown,
 * `policy.invalid`, and `company.zone`.
 */
export async function adoptPolicy(folder: string, proposal: PolicyProposal, options: PolicyOptions): Promise<Policies> {
  const { file, before, after } = proposal
  const path = join(folder, file)
  if ((await readAllowed(folder)) !== before)
    throw new FactotumError('policy.changed', `${file} was changed since this was shown. Look at it again.`)
  const policies = await policiesWith(folder, proposal, options)
  await replace(path, after)
  return policies
}

/** The policies as they would be with a proposed change. Throws `policy.invalid`, and `company.zone`. */
export async function policiesWith(
  folder: string,
  { file, after }: PolicyProposal,
  options: PolicyOptions,
): Promise<Policies> {
  const { files, problems } = await readPolicyFiles(folder)
  const rest = files.filter((f) => f.file !== file)
  const all = [...rest, { file, text: after }].toSorted((a, b) => (a.file < b.file ? -1 : 1))
  const checked = await compile(all, options)
  return checked.policies && problems.length === 0 ? checked.policies : refuse([...problems, ...checked.problems])
}

async function replace(path: string, text: string): Promise<void> {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true })
  // Not *.cedar: what a crash leaves behind is no policy.
  const temporary = `${path}.${randomUUID()}.new`
  try {
    await using file = await open(temporary, 'wx')
    await file.writeFile(text)
    await file.sync()
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await rename(temporary, path)
  await using entry = await open(folder, 'r')
  await entry.sync()
}
