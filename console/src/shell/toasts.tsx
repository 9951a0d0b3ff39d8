import { X } from 'lucide-react'
import { useEffect, useState, useSyncExternalStore } from 'react'
import { Key } from '../ui/bits.tsx'

export interface Toast {
  readonly id: number
  readonly text: string
  readonly bad: boolean
  /** What takes it back; the key `z` does the same. */
  readonly undo?: { readonly label: string; readonly run: () => void; readonly until: number | null }
}

const STAYS_MS = 7_000
const STAYS_BAD_MS = 15_000
let toasts: readonly Toast[] = []
let last = 0
const readers = new Set<() => void>()

function change(next: readonly Toast[]): void {
  toasts = next
  for (const reader of readers) reader()
}

export function toast(text: string, options: { readonly bad?: boolean; readonly undo?: Toast['undo'] } = {}): number {
  const id = ++last
  const { bad = false, undo } = options
  change([...toasts.slice(-2), { id, text, bad, ...(undo ? { undo } : {}) }])
  // As long as it can be taken back from here it stays; what failed is read at leisure.
  const stays = Math.max(bad ? STAYS_BAD_MS : STAYS_MS, undo?.until ? undo.until - Date.now() : 0)
  setTimeout(() => dismiss(id), Math.min(stays, 60_000))
  return id
}

export function dismiss(id: number): void {
  change(toasts.filter((t) => t.id !== id))
}

/** What the newest toast would take back. */
export function newestUndo(): Toast | undefined {
  return toasts.findLast((t) => t.undo)
}

function subscribe(reader: () => void): () => void {
  readers.add(reader)
  return () => readers.delete(reader)
}

export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts)
  return (
    <div
      className="pointer-events-none fixed inset-x-0 bottom-16 z-40 flex flex-col items-center gap-2 px-4 max-sm:bottom-32"
      role="region"
      aria-label="Messages"
      aria-live="polite"
    >
      {shown.map((one) => (
        <div
          key={one.id}
          className={`pointer-events-auto flex w-full max-w-xl items-center gap-3 rounded-lg border bg-surface py-2 pr-2 pl-4 text-sm shadow-lift ${one.bad ? 'border-bad' : 'border-strong'}`}
          data-toast={one.bad ? 'bad' : 'good'}
        >
          <p className="plain min-w-0 flex-1 py-0.5">{one.text}</p>
          {one.undo && (
            <button
              className="button"
              onClick={() => {
                dismiss(one.id)
                one.undo!.run()
              }}
            >
              {one.undo.label}
              {one.undo.until !== null && <Left until={one.undo.until} />}
              <Key>z</Key>
            </button>
          )}
          <button className="button button-bare px-1.5" aria-label="Dismiss" onClick={() => dismiss(one.id)}>
            <X size={14} aria-hidden />
          </button>
        </div>
      ))}
    </div>
  )
}

/** How long it can still be stopped before it leaves. */
function Left({ until }: { until: number }) {
  const [left, setLeft] = useState(() => until - Date.now())
  useEffect(() => {
    const timer = setInterval(() => setLeft(until - Date.now()), 500)
    return () => clearInterval(timer)
  }, [until])
  return left > 0 ? <span className="text-faint">{Math.ceil(left / 1000)} s</span> : null
}
