import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { COMMANDS as ALL } from '../../../src/cli/registry.ts'
import { isGuest, mayAsk } from '../access/session.ts'
import { useReading } from '../api.ts'
import { keyText } from '../commands.ts'
import { filled, takes } from '../lib/calls.ts'
import { found } from '../lib/finding.ts'
import { kindText } from '../queue/words.ts'
import { Key } from '../ui/bits.tsx'
import { copy } from '../ui/cli-line.tsx'
import { Line } from '../ui/text.tsx'
import { act, useDoable } from './acting.ts'
import { Dialog } from './dialog.tsx'
import { MAC } from './keys.tsx'
import { recent, remember } from './recent.ts'
import { sameNow } from './same.ts'

interface Row {
  readonly id: string
  readonly section: string
  readonly label: string
  /** What it is found by, besides its label. */
  readonly words: string
  /** Beside it: how it is typed, what it is. */
  readonly hint?: string | undefined
  readonly key?: string | undefined
  /** Why it cannot be given now. */
  readonly why?: string | null
  readonly typed?: boolean
  readonly give: () => void
}

/** Finds any command by its words, its key or how it is typed; items, people and runs by theirs. */
export function Palette({ close }: { close: () => void }) {
  const [query, setQuery] = useState('')
  const [at, setAt] = useState(0)
  const [shown] = useState(() => sameNow().record)
  const words = query.trim()
  const rows = useRows(words, shown)
  const give = (row: Row | undefined) => {
    if (!row || row.why) return
    close()
    // After it is closed: what it does may open another.
    setTimeout(row.give, 0)
  }
  const sections = [...new Set(rows.map((row) => row.section))]
  return (
    <Dialog title="Find a command" close={close} bare>
      <input
        className="w-full border-b border-line bg-transparent px-5 py-3.5 text-lg outline-none placeholder:text-faint"
        placeholder={
          isGuest() ? 'Find a command, an item or a name' : 'Find a command, an item, a name or a factotum command'
        }
        aria-label="Find a command"
        role="combobox"
        aria-expanded
        aria-controls="palette-list"
        aria-activedescendant={rows[at] ? `palette-${rows[at].id}` : undefined}
        // A dialog gives the focus a moment later: what is typed at once would be taken for keys.
        autoFocus
        value={query}
        onChange={(e) => {
          setQuery(e.target.value)
          setAt(0)
        }}
        onKeyDown={(e) => {
          if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
            e.preventDefault()
            const step = e.key === 'ArrowDown' ? 1 : -1
            setAt((n) => (n + step + rows.length) % Math.max(1, rows.length))
          }
          if (e.key === 'Enter') {
            e.preventDefault()
            give(rows[at])
          }
        }}
      />
      <div id="palette-list" role="listbox" aria-label="Commands" className="min-h-0 overflow-y-auto p-2">
        {sections.map((section) => (
          <div key={section} role="group" aria-label={section} className="mb-1.5">
            <p className="heading px-3 pt-1.5 pb-1" aria-hidden>
              {section}
            </p>
            {rows.map((row, n) =>
              row.section === section ? (
                <Option key={row.id} row={row} chosen={n === at} over={() => setAt(n)} give={() => give(row)} />
              ) : null,
            )}
          </div>
        ))}
      </div>
      {rows.length === 0 && <p className="px-5 pb-6 text-sm text-soft">Nothing has these words.</p>}
    </Dialog>
  )
}

function Option(props: { row: Row; chosen: boolean; over: () => void; give: () => void }) {
  const { row, chosen, over, give } = props
  return (
    <div
      id={`palette-${row.id}`}
      role="option"
      aria-selected={chosen}
      aria-disabled={Boolean(row.why)}
      ref={(element) => {
        if (chosen) element?.scrollIntoView({ block: 'nearest' })
      }}
      className={`flex cursor-pointer items-baseline gap-3 rounded-md px-3 py-1.5 ${chosen ? 'bg-accent-soft' : ''}`}
      onPointerMove={over}
      onClick={give}
    >
      {row.typed ? (
        <span className="min-w-0 flex-1">
          <span className="block truncate font-mono text-sm">{row.label}</span>
          <span className="block truncate text-xs text-soft">{row.hint}</span>
        </span>
      ) : (
        <>
          <span className={`min-w-0 flex-1 truncate ${row.why ? 'text-faint' : ''}`}>
            <Line text={row.label} />
          </span>
          {(row.why ?? row.hint) && (
            <span className={`max-w-[60%] truncate text-xs text-soft ${row.why ? '' : 'max-sm:hidden'}`}>
              {row.why ?? row.hint}
            </span>
          )}
        </>
      )}
      <span className="w-12 shrink-0 text-right">
        {row.typed ? <span className="text-xs text-soft">Copy</span> : row.key && <Key>{keyText(row.key, MAC)}</Key>}
      </span>
    </div>
  )
}

const SHORTEST = 2
const MOST = 6

function useRows(words: string, shown: string | null): readonly Row[] {
  const things = useThings(words)
  const typed = isGuest() ? [] : typedRows(shown)
  const commands = useDoable()
    .filter(({ command: { id } }) => id !== 'palette' && id !== 'close')
    .map(({ command, able }): Row => ({
      id: command.id,
      section: command.section,
      label: command.label,
      words: `${command.section} ${command.as ?? command.calls[0] ?? ''} ${command.summary ?? ''}`,
      hint: isGuest() ? undefined : callOf(command, shown),
      key: command.keys[0],
      why: able ? null : (command.needs ?? 'Not on this page.'),
      give: () => {
        remember(command.id)
        act(command.id)
      },
    }))
  const by = (row: Row) => `${row.label} ${row.words}`
  if (words === '') {
    const able = commands.filter((row) => !row.why)
    const last = recent().flatMap((id) => able.filter((row) => row.id === id))
    return [...last.map((row) => ({ ...row, section: 'Recent' })), ...able.filter((row) => !last.includes(row))]
  }
  const matching = found(commands, words, by)
  const one = { section: 'Commands' }
  const offered = new Set(matching.map((row) => row.hint))
  return [
    ...matching.filter((row) => !row.why).map((row) => ({ ...row, ...one })),
    ...things,
    ...found(
      typed.filter((row) => !offered.has(row.label)),
      words,
      by,
    ),
    ...matching.filter((row) => row.why).map((row) => ({ ...row, section: 'Not now' })),
  ]
}

type Registered = (typeof ALL)[number]

function callOf({ as, calls }: Registered, shown: string | null): string | undefined {
  const call = as ?? calls[0]
  return call === undefined ? undefined : filled(call, shown)
}

/** How everything is typed; what takes the record that is shown comes first. */
function typedRows(shown: string | null): readonly Row[] {
  const ways = ALL.flatMap(({ calls, summary }) => calls.map((call) => ({ call, summary: summary! })))
  const first = ways.filter(({ call }) => takes(call, shown))
  const rows = [...first, ...ways.filter((way) => !first.includes(way))].map(({ call, summary }, n): Row => {
    const text = filled(call, shown)
    return {
      id: `typed-${n}`,
      section: 'Where commands are typed',
      label: text,
      words: `${call} ${summary}`,
      hint: summary,
      typed: true,
      give: () => void copy(text),
    }
  })
  return rows.filter((row, n) => rows.findIndex(({ label }) => label === row.label) === n)
}

/** An id is found by itself: the letters of every word are in one somewhere. */
function idIn(words: string, id: string): string {
  return id.includes(words) ? id : ''
}

/** Items, people and runs that have these words. */
function useThings(words: string): readonly Row[] {
  const navigate = useNavigate()
  const on = words.length >= SHORTEST
  const ask = (operation: 'queue' | 'entities' | 'runs') => ({ enabled: on && mayAsk(operation), keep: true })
  const queue = useReading('queue', { find: words.slice(0, 200) || ' ', limit: MOST }, ask('queue'))
  const entities = useReading('entities', { limit: 500 }, ask('entities'))
  const runs = useReading('runs', { limit: 200 }, ask('runs'))
  if (!on) return []
  const go = (to: string, search: Record<string, string>) => () => void navigate({ to, search: search as never })
  return [
    ...(queue.data?.items ?? []).map((item) => ({
      id: item.id,
      section: 'Queue',
      label: item.title,
      words: '',
      hint: kindText(item.kind),
      give: go('/queue', { item: item.id }),
    })),
    ...found(entities.data?.items ?? [], words, (one) => `${one.labels.join(' ')} ${one.kind} ${idIn(words, one.id)}`)
      .slice(0, MOST)
      .map((one) => ({
        id: one.id,
        section: 'Company',
        label: one.labels.join(', ') || one.id,
        words: '',
        hint: one.kind,
        give: go('/company', { id: one.id }),
      })),
    ...found(runs.data?.items ?? [], words, (run) => `${run.workflow} ${run.state} ${idIn(words, run.id)}`)
      .slice(0, MOST)
      .map((run) => ({
        id: run.id,
        section: 'Runs',
        label: `${run.workflow} ${run.id}`,
        words: '',
        hint: run.state,
        give: go('/history', { lens: 'runs', id: run.id }),
      })),
  ]
}
