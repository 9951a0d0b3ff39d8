import { useVirtualizer } from '@tanstack/react-virtual'
import { ArrowLeft } from 'lucide-react'
import { useEffect, useRef, type ReactNode } from 'react'
import { useCommands } from '../shell/acting.ts'
import { useAddress } from '../url.ts'
import { Empty } from './bits.tsx'

/** The ways to look at one page: each an address of its own. */
export function Lenses({
  title,
  of,
  at,
  children,
}: {
  title: string
  of: readonly (readonly [string, string])[]
  at: string
  children?: ReactNode
}) {
  const { change } = useAddress()
  const tabs = useRef<HTMLDivElement>(null)
  // On a phone not all of them fit beside each other.
  useEffect(() => {
    tabs.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' })
  }, [at])
  return (
    <div className="flex flex-wrap items-center gap-x-5 gap-y-2 border-b border-line px-5 pt-2.5 max-sm:px-3">
      <h1 className="pb-2.5 font-semibold">{title}</h1>
      <div
        ref={tabs}
        role="tablist"
        aria-label={title}
        className="flex min-w-0 gap-4 overflow-x-auto [scrollbar-width:none]"
      >
        {of.map(([id, label]) => (
          <button
            key={id}
            role="tab"
            aria-selected={id === at}
            className={`border-b-2 pb-2 text-sm whitespace-nowrap ${id === at ? 'border-accent font-semibold text-accent' : 'border-transparent text-soft hover:text-ink'}`}
            onClick={() =>
              change(
                { lens: id, id: undefined, state: undefined, q: undefined, of: undefined, asOf: undefined },
                { keep: true },
              )
            }
          >
            {label}
          </button>
        ))}
      </div>
      {children !== undefined && <div className="ml-auto flex items-center gap-2 pb-2">{children}</div>}
    </div>
  )
}

interface Listed {
  readonly id: string
}

/** A list and, beside it, what is chosen of it. The choice stands in the address; j and k go through the list. */
export function Split<T extends Listed>(props: {
  readonly label: string
  readonly items: readonly T[]
  readonly row: (item: T) => ReactNode
  readonly children: (id: string) => ReactNode
  readonly empty: ReactNode
  readonly above?: ReactNode
  readonly choose?: string
  /** Of a list that is read in pages: reads the next; undefined while there is none. */
  readonly more?: (() => void) | undefined
  /** Nothing comes after the last row. Default: so it is. */
  readonly whole?: boolean
  /** The words under the last row, of a list that shows a part of all. */
  readonly filtered?: boolean
}) {
  const { label, items, row, children, empty, above, choose = 'Choose one of the list', more, whole = true } = props
  const { search, change } = useAddress()
  const at = search.id ?? null
  const move = (by: number) => {
    const from = items.findIndex(({ id }) => id === at)
    const next = items[Math.max(0, Math.min(items.length - 1, from + by))]
    if (next) change({ id: next.id })
  }
  useCommands({
    next: () => move(1),
    previous: () => move(-1),
    first: () => items[0] && change({ id: items[0].id }),
    last: () => items.at(-1) && change({ id: items.at(-1)!.id }),
    close: () => change({ id: undefined }),
  })
  return (
    <div className="flex min-h-0 flex-1">
      <div
        className={`flex w-[26rem] shrink-0 flex-col border-r border-line max-lg:w-80 max-sm:w-full max-sm:border-r-0 ${at !== null ? 'max-sm:hidden' : ''}`}
      >
        {above}
        {items.length === 0 ? (
          empty
        ) : (
          <Rows
            label={label}
            items={items}
            at={at}
            row={row}
            more={more}
            end={endOf(items.length, whole, props.filtered)}
          />
        )}
      </div>
      <div className={`min-w-0 flex-1 overflow-y-auto ${at === null ? 'max-sm:hidden' : ''}`} tabIndex={-1}>
        {at === null ? (
          <Empty title={choose} />
        ) : (
          <div key={at}>
            <button
              className="button button-bare m-2 hidden max-sm:inline-flex"
              onClick={() => change({ id: undefined })}
            >
              <ArrowLeft size={15} aria-hidden /> Back to the list
            </button>
            {children(at)}
          </div>
        )}
      </div>
    </div>
  )
}

function endOf(n: number, whole: boolean, filtered = false): string {
  const rows = n === 1 ? 'One row' : `${n.toLocaleString('en-GB')} rows`
  if (!whole) return `${rows} so far. More come as you go on.`
  return filtered ? `${rows}: all that match.` : `${rows}: that is all.`
}

const ROW_PX = 57

/** Only what can be seen is in the page, however long the list is. */
function Rows<T extends Listed>(props: {
  readonly label: string
  readonly items: readonly T[]
  readonly at: string | null
  readonly row: (item: T) => ReactNode
  readonly more: (() => void) | undefined
  readonly end: string
}) {
  const { label, items, at, row, more, end } = props
  const { change } = useAddress()
  const box = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PX,
    overscan: 8,
    getItemKey: (n) => items[n]!.id,
  })
  const index = items.findIndex(({ id }) => id === at)
  useEffect(() => {
    if (index >= 0) virtual.scrollToIndex(index, { align: 'auto' })
    // Not whenever something else moved: that would take the list away under the eye.
  }, [index, at])
  const shown = virtual.getVirtualItems()
  const last = shown.at(-1)?.index ?? 0
  useEffect(() => {
    if (more && last >= items.length - 20) more()
  }, [more, last, items.length])
  return (
    <div ref={box} className="min-h-0 flex-1 overflow-y-auto" tabIndex={-1}>
      <ul className="relative" style={{ height: virtual.getTotalSize() }} aria-label={label}>
        {shown.map(({ index: n, start }) => {
          const item = items[n]!
          return (
            <li
              key={item.id}
              ref={virtual.measureElement}
              data-index={n}
              className="absolute inset-x-0 top-0"
              style={{ transform: `translateY(${start}px)` }}
              aria-setsize={items.length}
              aria-posinset={n + 1}
            >
              <button
                data-row={item.id}
                aria-current={item.id === at ? 'true' : undefined}
                className={`flex w-full flex-col gap-0.5 border-b border-l-2 border-b-line py-2 pr-3 pl-3.5 ${item.id === at ? 'border-l-accent bg-accent-soft' : 'border-l-transparent hover:bg-sunken'}`}
                onClick={() => change({ id: item.id })}
              >
                {row(item)}
              </button>
            </li>
          )
        })}
      </ul>
      <p className="px-4 py-3 text-xs text-soft" data-end>
        {end}
      </p>
    </div>
  )
}

/** The head of what is chosen. */
export function Head({ over, title, children }: { over: ReactNode; title: ReactNode; children?: ReactNode }) {
  return (
    <header className="flex flex-wrap items-start gap-x-4 gap-y-2 border-b border-line px-5 pt-3.5 pb-3">
      <div className="min-w-0 flex-1 basis-72">
        <div className="flex flex-wrap items-center gap-x-3 text-xs text-soft">{over}</div>
        <h2 className="plain mt-0.5 text-lg font-semibold">{title}</h2>
      </div>
      <div className="flex flex-wrap gap-2">{children}</div>
    </header>
  )
}

/** One of a few states to see alone. */
export function Filter({
  of,
  at,
  name,
  label,
  words = {},
}: {
  of: readonly string[]
  at: string | undefined
  name: string
  label: string
  words?: Readonly<Record<string, string>>
}) {
  const { change } = useAddress()
  return (
    <div className="border-b border-line px-3.5 py-2">
      <select
        className="field text-sm"
        aria-label={label}
        value={at ?? ''}
        onChange={(e) => change({ [name]: e.target.value, id: undefined })}
      >
        <option value="">{label}: all</option>
        {of.map((one) => (
          <option key={one} value={one}>
            {words[one] ?? one.replaceAll('_', ' ')}
          </option>
        ))}
      </select>
    </div>
  )
}
