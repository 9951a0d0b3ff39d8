import { hash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FactotumError } from '../../lib/errors.ts'
import { calendar } from './calendar.ts'
import { loadCedar } from './cedar.ts'
import { NO_POLICIES } from './defaults.ts'
import type { Policies, PolicyAction, Problem } from './model.ts'
import { doubles, parseFile, validate, type PolicyFile } from './parse.ts'
import { inputType, jsonSchemaOf, schemaOf, type InputType } from './schema.ts'
import { policySet } from './verdict.ts'

export interface PolicyOptions {
  /** What the company can do: a policy that names another action, or a field that its input does not have, is wrong. */
  readonly actions?: readonly PolicyAction[]
  /** The names of its workflows; without them any name is taken. */
  readonly workflows?: readonly string[]
  /** A name of the IANA time zone database. Default: UTC. */
  readonly zone?: string
}

/** What became of reading policy files: the policies, unless there is a problem. */
export interface Checked {
  readonly policies: Policies | null
  readonly problems: readonly Problem[]
}

export const POLICY_FOLDER = 'policies'
const MAX_FILE_BYTES = 1024 * 1024

/**
 * Loads `policies/*.cedar` of a company's folder (absolute). Throws `policy.invalid` naming every problem with its file,
 * line and column, and `company.zone`. Without such files it answers the defaults, and Cedar is not loaded.
 */
export async function loadPolicies(folder: string, options: PolicyOptions = {}): Promise<Policies> {
  const checked = await checkPolicies(folder, options)
  return checked.policies ?? refuse(checked.problems)
}

/** The same, with what is wrong as an answer. Throws `company.zone`. */
export async function checkPolicies(folder: string, options: PolicyOptions = {}): Promise<Checked> {
  const { files, problems } = await readPolicyFiles(folder)
  const checked = await compile(files, options)
  return problems.length === 0 ? checked : { policies: null, problems: [...problems, ...checked.problems] }
}

export function refuse(problems: readonly Problem[]): never {
  const lines = problems.map((p) => `${p.file}:${p.line}:${p.column}: ${p.message}`)
  throw new FactotumError(
    'policy.invalid',
    `${lines.join('\n')}\n${problems.length === 1 ? 'Correct it' : `Correct these ${problems.length}`}, then look with "factotum policy check".`,
    { metadata: { problems: problems.length } },
  )
}

/** The files in the order of their names, which is the same on every machine. */
export async function readPolicyFiles(folder: string): Promise<{ files: PolicyFile[]; problems: Problem[] }> {
  const found = await readdir(join(folder, POLICY_FOLDER), { withFileTypes: true }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  })
  const names = found
    .filter((entry) => entry.name.endsWith('.cedar') && !entry.isDirectory())
    .map((entry) => entry.name)
  const files: PolicyFile[] = []
  const problems: Problem[] = []
  for (const name of names.sort((a, b) => (a < b ? -1 : 1))) {
    const file = `${POLICY_FOLDER}/${name}`
    const text = textOf(await readFile(join(folder, POLICY_FOLDER, name)))
    if (text === null)
      problems.push({
        file,
        line: 1,
        column: 1,
        message: 'This file is over 1 MiB or not UTF-8. Save it as UTF-8, or split it.',
      })
    else files.push({ file, text })
  }
  return { files, problems }
}

function textOf(bytes: Uint8Array): string | null {
  if (bytes.length > MAX_FILE_BYTES) return null
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return null
  }
}

/** Policies from the text of their files. Throws `company.zone`. */
export async function compile(files: readonly PolicyFile[], options: PolicyOptions = {}): Promise<Checked> {
  const local = calendar(options.zone ?? 'UTC')
  if (files.length === 0) return { policies: NO_POLICIES, problems: [] }
  const cedar = await loadCedar()
  const read = files.map((file) => parseFile(cedar, file))
  const parsed = read.flatMap((r) => r.parsed)
  const actions = options.actions ?? []
  const types = new Map<string, InputType>()
  for (const action of actions) {
    const schema = jsonSchemaOf(action.input)
    const type = schema && inputType(schema)
    if (type) types.set(action.action, type)
  }
  const { problems: invalid, warnings } = validate(cedar, schemaOf(actions, types, options.workflows), parsed)
  const problems = inOrder([...read.flatMap((r) => r.problems), ...doubles(parsed), ...invalid])
  if (problems.length > 0) return { policies: null, problems }
  const version = versionOf(files)
  return { policies: policySet({ cedar, parsed, types, calendar: local, version, warnings }), problems }
}

function versionOf(files: readonly PolicyFile[]): string {
  return hash('sha256', JSON.stringify(files.map(({ file, text }) => [file, text])), 'base64url').slice(0, 22)
}

function inOrder(problems: readonly Problem[]): Problem[] {
  return problems.toSorted(
    (a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) || a.line - b.line || a.column - b.column,
  )
}
