type Schema = Readonly<Record<string, unknown>>

/** What a value says against a JSON Schema of the words that our documents use; empty: nothing. Throws for a word that it does not know. */
export function against(schema: Schema, value: unknown, types: Readonly<Record<string, Schema>>, at = ''): string[] {
  const wrong = (what: string) => [`${at || 'the top'} ${what}: ${JSON.stringify(value)?.slice(0, 80)}`]
  return Object.entries(schema).flatMap(([word, said]) => {
    switch (word) {
      case 'description':
        return []
      case '$ref': {
        const of = types[String(said).replace('#/components/schemas/', '')]
        if (!of) throw new Error(`${String(said)} is nowhere`)
        return against(of, value, types, at)
      }
      case 'type':
        return [said].flat().includes(typeOf(value)) ? [] : wrong(`is no ${String(said)}`)
      case 'const':
        return value === said ? [] : wrong(`is not ${JSON.stringify(said)}`)
      case 'enum':
        return (said as unknown[]).includes(value) ? [] : wrong(`is none of ${JSON.stringify(said)}`)
      case 'not':
        return wrong('is not to be there')
      case 'anyOf': {
        const tries = (said as Schema[]).map((one) => against(one, value, types, at))
        return tries.some((found) => found.length === 0) ? [] : [`${at || 'the top'} fits none:`, ...tries.flat()]
      }
      case 'items':
        return Array.isArray(value) ? value.flatMap((one, i) => against(said as Schema, one, types, `${at}[${i}]`)) : []
      case 'prefixItems':
        return (said as Schema[]).flatMap((one, i) => against(one, (value as unknown[])[i], types, `${at}[${i}]`))
      case 'minItems':
        return (value as unknown[]).length >= Number(said) ? [] : wrong('has too few')
      case 'maxItems':
        return (value as unknown[]).length <= Number(said) ? [] : wrong('has too many')
      case 'required':
        return isObject(value) ? (said as string[]).flatMap((key) => (key in value ? [] : wrong(`has no ${key}`))) : []
      case 'properties':
        if (!isObject(value)) return []
        return Object.entries(said as Record<string, Schema>).flatMap(([key, one]) =>
          key in value ? against(one, value[key], types, `${at}.${key}`) : [],
        )
      case 'additionalProperties': {
        if (!isObject(value)) return []
        const known = Object.keys((schema.properties as object | undefined) ?? {})
        return Object.entries(value).flatMap(([key, one]) =>
          known.includes(key) ? [] : against(said as Schema, one, types, `${at}.${key}`),
        )
      }
      default:
        throw new Error(`This check does not know "${word}"`)
    }
  })
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeOf(value) === 'object'
}

function typeOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
}
