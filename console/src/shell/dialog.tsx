import { Dialog as Base } from '@base-ui/react/dialog'
import { X } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { useCommands } from './acting.ts'

/** To the control that was used; where it was a key of the page, to none: it would keep Enter for itself. */
function goBack(before: Element | null): HTMLElement | boolean {
  return before instanceof HTMLElement && before !== document.body && before.isConnected ? before : false
}

/** A dialog takes the keyboard until it is closed; Escape closes it. */
export function Dialog(props: {
  readonly title: string
  readonly close: () => void
  readonly children: ReactNode
  readonly wide?: boolean
  readonly bare?: boolean
}) {
  const { title, close, children, wide = false, bare = false } = props
  useCommands({ close }, { alone: true })
  // A field in it that takes the focus at once would be taken for where the focus was.
  const [before] = useState(() => document.activeElement)
  return (
    <Base.Root open onOpenChange={(open) => !open && close()}>
      <Base.Portal>
        <Base.Backdrop className="fixed inset-0 z-50 bg-shade" />
        <Base.Popup
          finalFocus={() => goBack(before)}
          className={`fixed top-[9vh] left-1/2 z-50 flex max-h-[82vh] w-[calc(100vw-2rem)] -translate-x-1/2 flex-col overflow-hidden rounded-xl border border-strong bg-surface shadow-lift max-sm:top-4 max-sm:max-h-[calc(100dvh-2rem)] ${wide ? 'max-w-3xl' : bare ? 'max-w-2xl' : 'max-w-lg'}`}
        >
          <div className={bare ? 'sr-only' : 'flex items-center justify-between border-b border-line py-2 pr-2 pl-5'}>
            <Base.Title className="font-semibold">{title}</Base.Title>
            <Base.Close className="button button-bare px-1.5" aria-label="Close">
              <X size={15} aria-hidden />
            </Base.Close>
          </div>
          {children}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  )
}
