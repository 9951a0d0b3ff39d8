/** The queue as it is shown: items of one shape that may be decided together stand as one line until it is opened. */
export interface Groupable {
  readonly id: string
  readonly kind: string
  readonly risk: string | null
  readonly shape: string | null
}

export type Row<T extends Groupable> =
  | { readonly row: 'item'; readonly key: string; readonly item: T; readonly of: string | null }
  | { readonly row: 'group'; readonly key: string; readonly items: readonly T[]; readonly open: boolean }

/** From here on it is a batch; fewer are read faster one by one. */
const LEAST = 3
/** What cannot be taken back is decided alone, and so is what asks for words of its own. */
const KINDS = new Set(['effect', 'dead_letter'])

function mayBeGrouped({ kind, risk, shape }: Groupable): boolean {
  return shape !== null && risk !== 'irreversible' && KINDS.has(kind)
}

/** In the order that came; a group stands where the first of it stood. `open`: the groups that are opened. */
export function grouped<T extends Groupable>(items: readonly T[], open: ReadonlySet<string>): Row<T>[] {
  const shapes = new Map<string, T[]>()
  for (const item of items) {
    if (!mayBeGrouped(item)) continue
    const key = keyOf(item)
    const together = shapes.get(key)
    if (together) together.push(item)
    else shapes.set(key, [item])
  }
  const rows: Row<T>[] = []
  const done = new Set<string>()
  for (const item of items) {
    const key = mayBeGrouped(item) ? keyOf(item) : null
    const together = key === null ? [] : shapes.get(key)!
    if (key === null || together.length < LEAST) {
      rows.push({ row: 'item', key: item.id, item, of: null })
      continue
    }
    if (done.has(key)) continue
    done.add(key)
    rows.push({ row: 'group', key, items: together, open: open.has(key) })
    if (open.has(key)) for (const one of together) rows.push({ row: 'item', key: one.id, item: one, of: key })
  }
  return rows
}

function keyOf({ kind, shape }: Groupable): string {
  return `${kind}|${shape}`
}

/** From one row to another, both included: what shift selects. */
export function range(ids: readonly string[], from: string | null, to: string): string[] {
  const end = ids.indexOf(to)
  const begin = from === null ? end : ids.indexOf(from)
  if (end < 0) return []
  if (begin < 0) return [to]
  return ids.slice(Math.min(begin, end), Math.max(begin, end) + 1)
}

/** Where the eye goes when what it looked at has left the list: what stood below, else what stood above. */
export function after(ids: readonly string[], gone: ReadonlySet<string>, at: string): string | null {
  const from = ids.indexOf(at)
  if (from < 0) return ids.find((id) => !gone.has(id)) ?? null
  return ids.slice(from).find((id) => !gone.has(id)) ?? ids.slice(0, from).findLast((id) => !gone.has(id)) ?? null
}
