import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { readAhead } from '../api.ts'
import { after, grouped, range, type Row } from '../lib/grouping.ts'
import { useCommands } from '../shell/acting.ts'
import { Empty, Failed, Loading } from '../ui/bits.tsx'
import { useAddress } from '../url.ts'
import { Detail } from './detail.tsx'
import { GroupDetail } from './group-detail.tsx'
import { SNOOZED, useItems, type Item } from './items.ts'
import { List } from './list.tsx'
import { kindText } from './words.ts'

/** Everything that waits for the operator, in one list; what is chosen is decided beside it. */
export function QueuePage() {
  const { search, change } = useAddress()
  const words = search.q?.trim() ?? ''
  const { items, counts, snoozed, error, refetch, more } = useItems(search.kind, words === '' ? undefined : words)
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set())
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set())
  const anchor = useRef<string | null>(null)
  const filter = useRef<HTMLInputElement>(null)
  const matching = useMemo(() => items ?? [], [items])
  const rows = useMemo(() => grouped(matching, open), [matching, open])
  const keys = useMemo(() => rows.map(({ key }) => key), [rows])
  const [writing, setWriting] = useState(false)
  const chosen = useStanding(keys, search.item ?? null, writing, (next) => change({ item: next ?? undefined }))
  // On a phone one comes to the list first; where both are shown the first is open.
  const wide = useWide()
  const at = chosen ?? (wide ? (keys[0] ?? null) : null)
  const row = rows.find(({ key }) => key === at)
  useAhead(rows, at)
  const write = useCallback(
    (on: boolean) => {
      setWriting(on)
      // It stays the one that is looked at, whatever the list does.
      if (on) change({ item: at ?? undefined })
    },
    [at, change],
  )

  const go = useCallback((key: string | null) => change({ item: key ?? undefined }), [change])
  const move = (by: number) => {
    const from = at === null ? -1 : keys.indexOf(at)
    const next = keys[Math.max(0, Math.min(keys.length - 1, from + by))]
    if (next !== undefined) go(next)
    return next
  }
  const toggle = (key: string) => setOpen((now) => (now.has(key) ? without(now, key) : new Set([...now, key])))
  const extend = (by: number) => {
    anchor.current ??= at
    const to = move(by)
    if (to !== undefined) setSelected(new Set(idsOf(range(keys, anchor.current, to))))
  }
  const idsOf = (picked: readonly string[]) =>
    rows
      .filter(({ key }) => picked.includes(key))
      .flatMap((r) => (r.row === 'item' ? [r.item.id] : r.items.map((i) => i.id)))
  useCommands({
    next: () => void move(1),
    previous: () => void move(-1),
    first: () => keys[0] && go(keys[0]),
    last: () => keys.at(-1) && go(keys.at(-1)!),
    select: () => {
      if (at === null) return
      anchor.current = at
      const ids = idsOf([at])
      setSelected((now) =>
        ids.every((id) => now.has(id))
          ? new Set([...now].filter((id) => !ids.includes(id)))
          : new Set([...now, ...ids]),
      )
    },
    extendDown: () => extend(1),
    extendUp: () => extend(-1),
    open: () => row?.row === 'group' && toggle(row.key),
    filter: () => filter.current?.focus(),
    close: () => {
      if (document.activeElement === filter.current) return filter.current?.blur()
      anchor.current = null
      if (selected.size > 0) setSelected(new Set())
      else if (!wide) go(null)
      else if (search.q) change({ q: undefined })
    },
  })

  const picked = matching.filter(({ id }) => selected.has(id))
  const clear = () => setSelected(new Set())
  return (
    <div className="flex h-full min-h-0">
      <div
        className={`flex w-[23.5rem] shrink-0 flex-col border-r border-line max-lg:w-80 max-sm:w-full max-sm:border-r-0 ${chosen !== null ? 'max-sm:hidden' : ''}`}
      >
        <div className="flex flex-col gap-2 border-b border-line px-3.5 pt-3 pb-2">
          <h1 className="sr-only">Queue</h1>
          <input
            ref={filter}
            className="field"
            type="search"
            placeholder="Filter by words"
            aria-label="Filter by words"
            value={search.q ?? ''}
            onChange={(e) => change({ q: e.target.value, item: undefined })}
            onKeyDown={(e) => {
              if (e.key === 'Enter') e.currentTarget.blur()
            }}
          />
          <Kinds
            counts={counts}
            snoozed={snoozed}
            kind={search.kind}
            choose={(kind) => change({ kind, item: undefined })}
          />
        </div>
        {error && !items ? (
          <Failed error={error} retry={() => void refetch()} />
        ) : !items ? (
          <Loading />
        ) : rows.length === 0 ? (
          <NothingHere
            filtered={words !== '' || search.kind !== undefined}
            clear={() => change({ q: undefined, kind: undefined })}
          />
        ) : (
          <List rows={rows} at={at} selected={selected} go={go} toggle={toggle} more={more} />
        )}
      </div>
      <div className={`min-w-0 flex-1 ${chosen === null ? 'max-sm:hidden' : ''}`}>
        {picked.length > 1 ? (
          <GroupDetail items={picked} back={clear} selection />
        ) : row?.row === 'group' ? (
          <GroupDetail items={row.items} back={() => go(null)} />
        ) : at !== null ? (
          <Detail key={at} id={at} listed={row !== undefined} back={() => go(null)} writing={write} />
        ) : (
          items && items.length > 0 && <Empty title="Choose an item">Use j and k to go through the list.</Empty>
        )}
      </div>
    </div>
  )
}

const RESTS_MS = 60

/**
 * The item below is read, so that it is there when the key is pressed: at once for who came here by a decision, and may be as
 * fast with the next one; once somebody rests here who only goes through the list, and drops most of what is passed.
 */
function useAhead(rows: readonly Row<Item>[], at: string | null) {
  const below = rows[rows.findIndex(({ key }) => key === at) + 1]
  const id = at !== null && below?.row === 'item' ? below.item.id : null
  const was = useRef(rows)
  useEffect(() => {
    const rests = was.current === rows ? RESTS_MS : 0
    was.current = rows
    if (id === null) return
    const timer = setTimeout(() => readAhead('gate', { id }), rests)
    return () => clearTimeout(timer)
  }, [id, rows])
}

/**
 * What is looked at: when it leaves the list, the next one, drawn with the list that lacks it and not after it; but nobody is
 * interrupted who writes.
 */
function useStanding(
  keys: readonly string[],
  chosen: string | null,
  writing: boolean,
  go: (next: string | null) => void,
): string | null {
  /** The list when what is chosen was last in it. */
  const seen = useRef(keys)
  const here = chosen === null || keys.includes(chosen)
  const left = !here && !writing && seen.current.includes(chosen)
  const next = left ? nextOf(seen.current, keys, chosen) : chosen
  useEffect(() => {
    if (left) go(next)
    else if (here) seen.current = keys
  }, [left, here, next, keys, go])
  return next
}

function nextOf(was: readonly string[], keys: readonly string[], chosen: string): string | null {
  const still = new Set(keys)
  return after(was, new Set(was.filter((key) => !still.has(key))), chosen)
}

function Kinds(props: {
  counts: Readonly<Record<string, number>>
  snoozed: number
  kind: string | undefined
  choose: (kind: string | undefined) => void
}) {
  const { counts, snoozed, kind, choose } = props
  const all = Object.values(counts).reduce((sum, n) => sum + n, 0)
  const chip = (name: string | undefined, label: string, n: number) => (
    <button
      key={label}
      aria-pressed={kind === name}
      className={`rounded-full border px-2 py-px text-xs whitespace-nowrap ${kind === name ? 'border-accent bg-accent-soft text-accent' : 'border-line text-soft hover:border-strong'}`}
      onClick={() => choose(name)}
    >
      {label} <span>{n.toLocaleString('en-GB')}</span>
    </button>
  )
  return (
    <div
      className="flex flex-wrap gap-1 pb-1 max-sm:flex-nowrap max-sm:overflow-x-auto max-sm:[scrollbar-width:none]"
      role="group"
      aria-label="Kinds"
      tabIndex={-1}
    >
      {chip(undefined, 'All', all)}
      {Object.entries(counts)
        .filter(([name, n]) => n > 0 || name === kind)
        .map(([name, n]) => chip(name, kindText(name, true), n))}
      {(snoozed > 0 || kind === SNOOZED) && chip(SNOOZED, 'Snoozed', snoozed)}
    </div>
  )
}

function NothingHere({ filtered, clear }: { filtered: boolean; clear: () => void }) {
  if (!filtered)
    return (
      <Empty title="Nothing waits for you">What needs a decision appears here by itself, the most urgent first.</Empty>
    )
  return (
    <Empty title="Nothing matches">
      <button className="button mt-1" onClick={clear}>
        Clear the filter
      </button>
    </Empty>
  )
}

function without(all: ReadonlySet<string>, one: string): ReadonlySet<string> {
  const left = new Set(all)
  left.delete(one)
  return left
}

const query = matchMedia('(min-width: 40rem)')

function useWide(): boolean {
  const [wide, setWide] = useState(query.matches)
  useEffect(() => {
    const change = () => setWide(query.matches)
    query.addEventListener('change', change)
    return () => query.removeEventListener('change', change)
  }, [])
  return wide
}
