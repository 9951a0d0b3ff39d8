/** Arguments as the query of a GET takes them: text as it is, and whatever is not text as JSON (`?limit=20&about=["ent_1"]`). */
export function queryOf(args: Readonly<Record<string, unknown>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(args))
    if (value !== undefined) query.append(name, typeof value === 'string' ? value : JSON.stringify(value))
  return query.toString()
}
