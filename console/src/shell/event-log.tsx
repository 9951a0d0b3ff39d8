import { useState } from 'react'
import { isGuest } from '../access/session.ts'
import { useReading } from '../api.ts'
import { CliLine } from '../ui/cli-line.tsx'
import { Empty, Shown, Time } from '../ui/bits.tsx'
import { Chain, kindWords } from '../ui/chain.tsx'
import { Dialog } from './dialog.tsx'
import { sameNow } from './same.ts'

/** What is on the record about what the page shows: of a record the chain that led to it, of a list its newest events. */
export function EventLog({ close }: { close: () => void }) {
  const [{ record, kinds }] = useState(sameNow)
  return (
    <Dialog title="Events behind this page" close={close} wide>
      <div className="flex min-h-0 flex-col gap-3 overflow-y-auto px-5 py-4">
        {!isGuest() && (
          <CliLine
            text={`factotum ${record === null ? `ledger list${kinds && ` --kind ${kinds}`}` : `why ${record}`}`}
          />
        )}
        {record === null ? <Newest kinds={kinds} /> : <Of id={record} />}
      </div>
    </Dialog>
  )
}

function Of({ id }: { id: string }) {
  const chain = useReading('why', { id })
  return (
    <Shown of={chain} rows={3}>
      {(links) => <Chain links={links} />}
    </Shown>
  )
}

const NEWEST = 50

function Newest({ kinds }: { kinds: string }) {
  const page = useReading('ledger', { limit: NEWEST, ...(kinds === '' ? {} : { kind: kinds }) })
  return (
    <Shown of={page} rows={3}>
      {({ items }) =>
        items.length === 0 ? (
          <Empty title="Nothing of this kind has happened yet" />
        ) : (
          <ol>
            {items.map(({ seq, kind, stream, actor, at }) => (
              <li key={seq} className="border-b border-line last:border-b-0">
                <a
                  className="flex items-baseline gap-3 py-1.5 text-sm hover:bg-sunken"
                  href={`/history?lens=ledger&id=${seq}`}
                >
                  <span className="w-12 shrink-0 text-right font-mono text-xs text-soft">{seq}</span>
                  <span className="flex-1 truncate first-letter:uppercase">{kindWords(kind)}</span>
                  <span className="truncate font-mono text-xs text-soft max-sm:hidden">{stream}</span>
                  <span className="truncate text-xs text-soft max-sm:hidden">{actor}</span>
                  <Time at={at} className="text-xs text-soft" />
                </a>
              </li>
            ))}
          </ol>
        )
      }
    </Shown>
  )
}
