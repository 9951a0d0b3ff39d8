import type { DetailedError, SchemaJson } from '@cedar-policy/cedar-wasm/nodejs'
import { readAnnotations, type Annotated } from './annotations.ts'
import type { CedarModule } from './cedar.ts'
import type { Problem } from './model.ts'
import { byteToIndex, lineAndColumn, statements, type Statement } from './scan.ts'

/** A policy file: its name in the company's folder, and what it says. */
export interface PolicyFile {
  readonly file: string
  readonly text: string
}

/** A policy that was read. Its number in the set is what Cedar knows it by. */
export interface Parsed extends Annotated {
  readonly file: string
  readonly line: number
  readonly whole: string
  readonly statement: Statement
  /** Whether it looks at `context.trust`. */
  readonly readsTrust: boolean
}

export interface Findings {
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
}

/** Deeper nesting, which nobody writes, would run the parser out of stack. */
const MAX_NESTING = 100

/** Reads policies one by one, so that a mistake in one hides none in the next. */
export function parseFile(cedar: CedarModule, { file, text }: PolicyFile): { parsed: Parsed[]; problems: Problem[] } {
  const parsed: Parsed[] = []
  const problems: Problem[] = []
  for (const statement of statements(text)) {
    const at = (index: number, message: string) => void problems.push({ file, ...lineAndColumn(text, index), message })
    if (statement.depth > MAX_NESTING) {
      at(statement.head, `Brackets are nested more than ${MAX_NESTING} deep. Split the policy.`)
      continue
    }
    const answer = cedar.policyToJson(statement.text)
    if (answer.type === 'failure') {
      for (const error of answer.errors) at(indexOf(statement, error), describe(error))
      continue
    }
    const { effect, conditions, annotations } = answer.json
    const { annotated, mistakes } = readAnnotations(effect, annotations ?? {})
    for (const { name, message } of mistakes)
      at(name === null ? statement.head : statement.start + (statement.annotations.get(name) ?? 0), message)
    if (mistakes.length === 0)
      parsed.push({
        ...annotated,
        file,
        line: lineAndColumn(text, statement.head).line,
        whole: text,
        statement,
        // A string in a policy cannot look like this: its quotes would be escaped.
        readsTrust: JSON.stringify(conditions).includes('{"left":{"Var":"context"},"attr":"trust"}'),
      })
  }
  return { parsed, problems }
}

/** What only shows when all policies are seen together: names that are given twice. */
export function doubles(policies: readonly Parsed[]): Problem[] {
  const first = new Map<string, Parsed>()
  return policies.flatMap((policy) => {
    const other = first.get(policy.id)
    if (!other) first.set(policy.id, policy)
    const at = policy.statement.start + (policy.statement.annotations.get('id') ?? 0)
    return other
      ? [
          {
            file: policy.file,
            ...lineAndColumn(policy.whole, at),
            message: `The name "${policy.id}" is taken by ${other.file}:${other.line}. Give this policy another one.`,
          },
        ]
      : []
  })
}

/** Checks policies against what the company can do. A policy that can never apply is a problem: it says nothing. */
export function validate(cedar: CedarModule, schema: SchemaJson<string>, policies: readonly Parsed[]): Findings {
  const staticPolicies = Object.fromEntries(policies.map((p, i) => [`${i}`, p.statement.text]))
  const answer = cedar.validate({ schema, policies: { staticPolicies } })
  // Both were read before: a failure here is a defect, and no mistake of the operator's.
  if (answer.type === 'failure') throw new Error(`Cedar did not validate: ${answer.errors.map(describe).join('; ')}`)
  const problems = new Map<string, Problem>()
  const warnings = new Map<string, Problem>()
  const put = (into: Map<string, Problem>, policyId: string, error: DetailedError, message = describe(error)) => {
    const policy = policies[Number(policyId)]!
    const where = lineAndColumn(policy.whole, indexOf(policy.statement, error))
    // The same mistake is reported once for every action that it concerns.
    const key = `${policy.file}:${where.line}:${where.column}`
    if (!into.has(key)) into.set(key, { file: policy.file, ...where, message })
  }
  const broken = new Set(answer.validationErrors.map((e) => e.policyId))
  for (const { policyId, error } of answer.validationErrors) put(problems, policyId, error)
  for (const { policyId, error } of answer.validationWarnings) {
    const never = /impossible|unable to find an applicable action/.test(error.message)
    if (!never) put(warnings, policyId, error)
    else if (!broken.has(policyId)) put(problems, policyId, error, NEVER)
  }
  return { problems: [...problems.values()], warnings: [...warnings.values()] }
}

const NEVER =
  'This policy can never apply: no action of the company fits it, or its condition cannot become true. Look for a misspelt name after "has".'

/** Where in its file an error is: where it says, else at the policy. Cedar's own offset may point at white space. */
function indexOf(statement: Statement, error: DetailedError): number {
  const location = error.sourceLocations?.[0]
  return location
    ? Math.max(statement.head, statement.start + byteToIndex(statement.text, location.start))
    : statement.head
}

/** Cedar's sentence without what only Cedar needs, with what it expected and what it advises. */
function describe(error: DetailedError): string {
  const bare = (text: string) =>
    text.replace(/^failed to parse policy (with id `[^`]*` )?from string: /, '').replace(/^for policy `\d+`[,:] /, '')
  const message = bare(error.message)
  const label = error.sourceLocations?.[0]?.label
  const help = error.help === null ? '' : bare(error.help)
  return [message, label, help]
    .filter((part) => part)
    .map((part) => `${part![0]!.toUpperCase()}${part!.slice(1)}`)
    .join('. ')
    .replace(/(?<![?.!])$/, '.')
}
