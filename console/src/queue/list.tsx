import { useVirtualizer } from '@tanstack/react-virtual'
import { ChevronDown, ChevronRight, Clock, Layers, ShieldAlert } from 'lucide-react'
import { memo, useEffect, useRef } from 'react'
import type { Row } from '../lib/grouping.ts'
import { Time } from '../ui/bits.tsx'
import { Line } from '../ui/text.tsx'
import type { Item } from './items.ts'
import { kindText } from './words.ts'

const ROW_PX = 58

interface Props {
  readonly rows: readonly Row<Item>[]
  readonly at: string | null
  readonly selected: ReadonlySet<string>
  readonly go: (key: string) => void
  readonly toggle: (key: string) => void
  readonly more: (() => void) | undefined
}

/** Only what can be seen is in the page, however long the queue is. */
export function List({ rows, at, selected, go, toggle, more }: Props) {
  const box = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PX,
    overscan: 8,
    getItemKey: (n) => rows[n]!.key,
  })
  const index = rows.findIndex(({ key }) => key === at)
  useEffect(() => {
    if (index >= 0) virtual.scrollToIndex(index, { align: 'auto' })
    // Not whenever something else moved: that would take the list away under the eye.
  }, [index, at])
  const shown = virtual.getVirtualItems()
  const last = shown.at(-1)?.index ?? 0
  useEffect(() => {
    if (more && last >= rows.length - 20) more()
  }, [more, last, rows.length])
  return (
    <div ref={box} className="min-h-0 flex-1 overflow-y-auto" tabIndex={-1}>
      <ul className="relative" style={{ height: virtual.getTotalSize() }} aria-label="Items that wait for you">
        {shown.map(({ index: n, start }) => {
          const row = rows[n]!
          return (
            <li
              key={row.key}
              data-row={row.key}
              className="absolute inset-x-0 top-0"
              style={{ height: ROW_PX, transform: `translateY(${start}px)` }}
              aria-setsize={rows.length}
              aria-posinset={n + 1}
            >
              {row.row === 'group' ? (
                <Group row={row} here={row.key === at} go={go} toggle={toggle} />
              ) : (
                <One
                  item={row.item}
                  inGroup={row.of !== null}
                  here={row.key === at}
                  picked={selected.has(row.item.id)}
                  go={go}
                />
              )}
            </li>
          )
        })}
      </ul>
    </div>
  )
}

function look(here: boolean, picked = false): string {
  if (here) return 'bg-accent-soft border-l-accent'
  return picked ? 'bg-sunken border-l-strong' : 'border-l-transparent hover:bg-sunken'
}

const BOX = 'flex h-full w-full flex-col justify-center gap-0.5 border-b border-b-line border-l-2 pr-3'

interface OneProps {
  readonly item: Item
  readonly inGroup: boolean
  readonly here: boolean
  readonly picked: boolean
  readonly go: (key: string) => void
}

/** A key moves two rows; the others are not drawn again for it. */
const One = memo(function One({ item, inGroup, here, picked, go }: OneProps) {
  return (
    <button
      className={`${BOX} ${inGroup ? 'pl-8' : 'pl-3.5'} ${look(here, picked)}`}
      aria-current={here ? 'true' : undefined}
      onClick={() => go(item.id)}
    >
      <span className="flex w-full min-w-0 items-center gap-2">
        {picked && <span className="size-2 shrink-0 rounded-full bg-accent" aria-label="selected" role="img" />}
        <Line text={item.title} className="min-w-0 flex-1 font-medium" />
      </span>
      <span className="flex w-full items-center gap-2 text-xs text-soft">
        <span className="min-w-0 truncate">{kindText(item.kind)}</span>
        {item.risk === 'irreversible' && (
          <span className="flex items-center gap-1 whitespace-nowrap text-warn">
            <ShieldAlert size={12} aria-hidden /> for good
          </span>
        )}
        {item.again && <span className="whitespace-nowrap text-warn">asked again</span>}
        {item.trust === 'outsider' && <span className="whitespace-nowrap">from outside</span>}
        <span className="flex-1" />
        {item.snoozedUntil !== null && item.snoozedUntil > Date.now() ? (
          <span className="whitespace-nowrap">
            back <Time at={item.snoozedUntil} />
          </span>
        ) : item.expiresAt !== null ? (
          <span className={`flex items-center gap-1 whitespace-nowrap ${item.urgent ? 'text-bad' : ''}`}>
            <Clock size={12} aria-hidden /> <Time at={item.expiresAt} />
          </span>
        ) : (
          <Time at={item.openedAt} />
        )}
      </span>
    </button>
  )
})

function Group(props: {
  row: Extract<Row<Item>, { row: 'group' }>
  here: boolean
  go: (key: string) => void
  toggle: (key: string) => void
}) {
  const { row, here, go, toggle } = props
  const Chevron = row.open ? ChevronDown : ChevronRight
  return (
    <div className={`flex h-full border-b border-l-2 border-b-line ${look(here)}`}>
      <button
        className="flex w-7 shrink-0 items-center justify-center text-soft"
        aria-label={row.open ? 'Close the group' : 'Open the group'}
        aria-expanded={row.open}
        onClick={() => toggle(row.key)}
      >
        <Chevron size={14} aria-hidden />
      </button>
      <button
        className="flex min-w-0 flex-1 flex-col justify-center gap-0.5 pr-3"
        aria-current={here ? 'true' : undefined}
        onClick={() => go(row.key)}
      >
        <Line text={row.items[0]!.title} className="w-full font-medium" />
        <span className="flex w-full items-center gap-2 text-xs text-soft">
          <Layers size={12} aria-hidden />
          <span>
            {row.items.length} alike, {kindText(row.items[0]!.kind, true).toLowerCase()}
          </span>
          <span className="flex-1" />
          <Time at={row.items[0]!.openedAt} />
        </span>
      </button>
    </div>
  )
}
