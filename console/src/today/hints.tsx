import { X } from 'lucide-react'
import { useState } from 'react'
import { Key } from '../ui/bits.tsx'

const KEPT = 'factotum.hints'

/** What a first visit needs to know, in three sentences; once read they are gone for good. */
export function Hints() {
  const [shown, setShown] = useState(() => localStorage.getItem(KEPT) === null)
  if (!shown) return null
  const close = () => {
    localStorage.setItem(KEPT, 'read')
    setShown(false)
  }
  return (
    <aside
      className="flex items-start gap-3 rounded-lg border border-line bg-accent-soft py-2.5 pr-2 pl-4 text-sm"
      aria-label="For a first visit"
    >
      <ol className="grid min-w-0 flex-1 gap-x-8 gap-y-1.5 lg:grid-cols-3">
        <li>
          <strong className="font-semibold">What needs you is in the Queue.</strong>{' '}
          <span className="max-sm:hidden">
            One key decides: <Key>a</Key> approves, <Key>e</Key> edits, <Key>r</Key> rejects, <Key>z</Key> takes it
            back.
          </span>
          <span className="sm:hidden">Open an item, read it, and decide at its foot.</span>
        </li>
        <li>
          <strong className="font-semibold">Approving is not yet sending.</strong> Everything waits a moment before it
          leaves, and what can be taken back afterwards says so.
        </li>
        <li className="max-sm:hidden">
          <strong className="font-semibold">
            <Key>Ctrl k</Key> finds everything,
          </strong>{' '}
          <Key>?</Key> lists the keys, and <Key>~</Key> shows the events behind any page.
        </li>
        <li className="sm:hidden">
          <strong className="font-semibold">All commands are at the top,</strong> and so is the pause that stops
          everything from leaving.
        </li>
      </ol>
      <button className="button button-bare px-1.5" aria-label="Do not show these again" onClick={close}>
        <X size={15} aria-hidden />
      </button>
    </aside>
  )
}
