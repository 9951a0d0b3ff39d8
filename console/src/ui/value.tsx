import type { ReactNode } from 'react'
import type { Json } from '../../../src/lib/json.ts'
import { Text } from './text.tsx'

const MAX_DEPTH = 6
const MAX_ITEMS = 50

/** Any value, laid out to be read: objects as names and values, lists as lists, nothing as JSON. */
export function Value({ value, depth = 0 }: { value: Json; depth?: number }): ReactNode {
  if (value === null) return <span className="text-faint">none</span>
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'number') return value.toLocaleString('en-GB', { maximumFractionDigits: 6 })
  if (typeof value === 'string') return value === '' ? <span className="text-faint">empty</span> : <Text text={value} />
  if (depth >= MAX_DEPTH) return <Text text={JSON.stringify(value)} most={400} />
  if (Array.isArray(value)) {
    if (value.length === 0) return <span className="text-faint">none</span>
    return (
      <ul className="flex flex-col gap-1">
        {value.slice(0, MAX_ITEMS).map((item, at) => (
          <li key={at} className="border-l-2 border-line pl-2.5">
            <Value value={item} depth={depth + 1} />
          </li>
        ))}
        {value.length > MAX_ITEMS && <li className="text-faint">and {value.length - MAX_ITEMS} more</li>}
      </ul>
    )
  }
  const entries = Object.entries(value)
  if (entries.length === 0) return <span className="text-faint">none</span>
  return (
    <dl
      className={`grid grid-cols-[minmax(5rem,auto)_minmax(0,1fr)] gap-x-4 gap-y-1 ${
        // Beside each other, what lies deep would be a letter wide on a phone.
        depth > 0 ? 'max-sm:grid-cols-1 max-sm:gap-y-0.5' : ''
      }`}
    >
      {entries.map(([name, of]) => (
        <div key={name} className="contents">
          <dt className="plain max-w-40 text-faint first-letter:uppercase">{wordsOf(name)}</dt>
          <dd className="min-w-0">
            <Value value={of as Json} depth={depth + 1} />
          </dd>
        </div>
      ))}
    </dl>
  )
}

/** A value in one line, for lists: its texts and numbers, without the names of what they are. */
export function brief(value: Json): string {
  if (value === null) return 'none'
  if (typeof value !== 'object') return typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value)
  return Object.values(value).map(brief).join(', ')
}

/** `dueAt` as `due at`: the names of fields are read by people. */
export function wordsOf(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll(/[_-]/g, ' ')
    .toLowerCase()
}
