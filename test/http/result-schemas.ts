import { fileURLToPath } from 'node:url'
import { API, type Checker, type Symbol as Named, type Type } from 'typescript/unstable/sync'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Flags of the compiler's types: `TypeFlags` and `SymbolFlags` of TypeScript 7. */
const ANY = 1 | 2
const NOT_THERE = 4 | 16
const NULL = 8
const STRING = 32 | 4_194_304 | 8_388_608
const NUMBER = 64
const BOOLEAN = 256
const LITERAL = 1_024 | 2_048 | 8_192
const NEVER = 262_144
const OPTIONAL = 16_777_216
const SIGNATURE_CALL = 0

const NO_JSON: ReadonlySet<string> = new Set([
  'Uint8Array',
  'Buffer',
  'Date',
  'Map',
  'Set',
  'ReadonlyMap',
  'ReadonlySet',
])

export type Schema = Readonly<Record<string, unknown>>

/** JSON Schemas of what operations answer, and of the named types that they are made of. */
export interface ResultSchemas {
  readonly operations: Readonly<Record<string, Schema>>
  readonly types: Readonly<Record<string, Schema>>
}

/** Asks the compiler for the type of every operation's answer, and says it as JSON Schema (2020-12). */
export function resultSchemas(): ResultSchemas {
  using api = disposable(new API({ cwd: ROOT }))
  const snapshot = api.of.updateSnapshot({ openProjects: [`${ROOT}tsconfig.json`] })
  const project = snapshot.getProjects()[0]!
  const file = project.program.getSourceFile(`${ROOT}src/server/operations.ts`)!
  const registry = project.checker.resolveName('OPERATIONS', 2, file)!
  const { checker } = project
  const schemas = new Schemas(checker)
  const operations: Record<string, Schema> = {}
  const all = checker.getPropertiesOfType(checker.getTypeOfSymbol(registry)!)
  for (const operation of all.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const run = checker.getTypeOfSymbol(checker.getPropertyOfType(checker.getTypeOfSymbol(operation)!, 'run')!)!
    const [signature] = checker.getSignaturesOfType(run, SIGNATURE_CALL)
    const promise = checker.getReturnTypeOfSignature(signature!)!
    const [answer] = promise.isTypeReference() ? checker.getTypeArguments(promise) : []
    if (!answer) throw new Error(`"${operation.name}" answers no promise`)
    operations[operation.name] = schemas.of(answer)
  }
  return { operations, types: schemas.types() }
}

function disposable(of: API) {
  return { of, [Symbol.dispose]: () => of.close() }
}

class Schemas {
  readonly #checker: Checker
  readonly #names = new Map<number, string>()
  readonly #types = new Map<string, Schema>()

  constructor(checker: Checker) {
    this.#checker = checker
  }

  types(): Record<string, Schema> {
    return Object.fromEntries([...this.#types].toSorted(([a], [b]) => (a < b ? -1 : 1)))
  }

  of(type: Type): Schema {
    const { flags } = type
    if (type.getAliasSymbol()?.name === 'Json' || flags & ANY) return {}
    if (flags & STRING) return { type: 'string' }
    if (flags & NUMBER) return { type: 'number' }
    if (flags & BOOLEAN) return { type: 'boolean' }
    if (flags & NULL) return { type: 'null' }
    if (flags & NEVER) return { not: {} }
    if (flags & LITERAL && type.isLiteralType()) return { const: type.value }
    if (type.isUnionType()) return this.#named(type, () => this.#union(type.getTypes()))
    return this.#array(type) ?? this.#named(type, () => this.#object(type))
  }

  /** What has a name is said once: it may also be part of itself. */
  #named(type: Type, schema: () => Schema): Schema {
    const symbol = type.getAliasSymbol() ?? (type.isClassOrInterface() ? type.getSymbol() : undefined)
    if (!symbol || type.getAliasTypeArguments().length > 0 || symbol.name.startsWith('__')) return schema()
    let name = this.#names.get(type.id)
    if (name === undefined) {
      name = symbol.name
      for (let n = 2; this.#types.has(name); n++) name = `${symbol.name}${n}`
      this.#names.set(type.id, name)
      this.#types.set(name, {})
      const description = oneLine(symbol.getDocumentationComment(this.#checker))
      this.#types.set(name, { ...schema(), ...(description ? { description } : {}) })
    }
    return { $ref: `#/components/schemas/${name}` }
  }

  #union(types: readonly Type[]): Schema {
    const parts = types.filter(({ flags }) => !(flags & NOT_THERE))
    const values: unknown[] = parts.flatMap((one) => (one.isLiteralType() ? [one.value] : []))
    const others = parts.filter((one) => !one.isLiteralType()).map((one) => this.of(one))
    const isBoolean = values.includes(true) && values.includes(false)
    const literals = isBoolean ? values.filter((value) => typeof value !== 'boolean') : values
    const any = [
      ...(literals.length === 0
        ? []
        : [
            literals.length === 1
              ? { const: literals[0] }
              : { enum: literals.toSorted((a, b) => (String(a) < String(b) ? -1 : 1)) },
          ]),
      ...(isBoolean ? [{ type: 'boolean' }] : []),
      ...others.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    ]
    if (any.length === 1) return any[0]!
    const simple = any.every((one) => 'type' in one && Object.keys(one).length === 1)
    return simple ? { type: any.map((one) => (one as { type?: unknown }).type) } : { anyOf: any }
  }

  #array(type: Type): Schema | null {
    const checker = this.#checker
    if (checker.isTupleType(type) && type.isTypeReference()) {
      const prefixItems = checker.getTypeArguments(type).map((one) => this.of(one))
      return { type: 'array', prefixItems, minItems: prefixItems.length, maxItems: prefixItems.length }
    }
    if (!checker.isArrayType(type) || !type.isTypeReference()) return null
    return { type: 'array', items: this.of(checker.getTypeArguments(type)[0]!) }
  }

  #object(type: Type): Schema {
    const checker = this.#checker
    const name = type.getSymbol()?.name
    if (name !== undefined && NO_JSON.has(name))
      throw new Error(`An operation answers a ${name}, which JSON has none of`)
    const properties: Record<string, Schema> = {}
    const required: string[] = []
    for (const property of checker.getPropertiesOfType(type)) {
      const of = checker.getTypeOfSymbol(property)!
      if (of.flags & NOT_THERE || checker.getSignaturesOfType(of, SIGNATURE_CALL).length > 0) continue
      properties[property.name] = this.#property(property, of)
      if (!isOptional(property, of)) required.push(property.name)
    }
    const [index] = checker.getIndexInfosOfType(type)
    return {
      type: 'object',
      ...(Object.keys(properties).length > 0 ? { properties } : {}),
      ...(required.length > 0 ? { required: required.toSorted() } : {}),
      ...(index ? { additionalProperties: this.of(index.valueType) } : {}),
    }
  }

  #property(property: Named, of: Type): Schema {
    const schema = this.of(of)
    const description = oneLine(property.getDocumentationComment(this.#checker))
    return description ? { ...schema, description } : schema
  }
}

function isOptional(property: Named, of: Type): boolean {
  if (property.flags & OPTIONAL) return true
  return of.isUnionType() && of.getTypes().some(({ flags }) => flags & NOT_THERE)
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}
