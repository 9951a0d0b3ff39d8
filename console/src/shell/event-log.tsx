import { useReading } from '../api.ts'
import { CliLine } from '../ui/cli-line.tsx'
import { Empty, Shown } from '../ui/bits.tsx'
import { Chain } from '../ui/chain.tsx'
import { useAddress } from '../url.ts'
import { Dialog } from './dialog.tsx'

/** What is on the record about what the page shows: the chain of events that led to it. */
export function EventLog({ close }: { close: () => void }) {
  const { search } = useAddress()
  const shown = document.querySelector<HTMLElement>('[data-item]')?.dataset.item
  const id = shown ?? search.item ?? search.id
  return (
    <Dialog title="Events behind this page" close={close} wide>
      <div className="min-h-0 overflow-y-auto px-5 py-4">
        {id === undefined ? (
          <Empty title="Nothing is chosen">
            Choose something on this page to see the events behind it, or look through all of them in History, Ledger.
          </Empty>
        ) : (
          <Of id={id} />
        )}
      </div>
    </Dialog>
  )
}

function Of({ id }: { id: string }) {
  const chain = useReading('why', { id })
  return (
    <div className="flex flex-col gap-3">
      <CliLine text={`factotum why ${id}`} />
      <Shown of={chain} rows={3}>
        {(links) => <Chain links={links} />}
      </Shown>
    </div>
  )
}
