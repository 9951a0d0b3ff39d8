import { Layers } from 'lucide-react'
import { useEffect, useState } from 'react'
import { useCommands } from '../shell/acting.ts'
import { Verb } from '../shell/verb.tsx'
import { Key, Section } from '../ui/bits.tsx'
import { Line } from '../ui/text.tsx'
import { SameAsCommand } from '../ui/cli-line.tsx'
import { decideAll, lookAt } from './deciding.ts'
import { Reason } from './dialogs.tsx'
import type { Item } from './items.ts'
import { commandText, kindText } from './words.ts'

/** Several of one shape, decided together: each is listed, each gets its own entry in the record. */
export function GroupDetail({
  items,
  back,
  selection = false,
}: {
  items: readonly Item[]
  back: () => void
  selection?: boolean
}) {
  const [rejecting, setRejecting] = useState(false)
  const ids = items.map(({ id }) => id)
  const first = items[0]!
  const alike = new Set(items.map(({ kind, shape, id }) => (shape === null ? id : `${kind}|${shape}`))).size === 1
  const forGood = items.some(({ risk }) => risk === 'irreversible')
  const together = alike && !forGood
  const outcome = first.kind === 'dead_letter' ? 'retry' : 'approve'
  const no = first.kind === 'dead_letter' ? 'close' : 'reject'
  useEffect(() => lookAt(ids.join()), [ids.join()])
  const done = (what: string, reason?: string) => {
    back()
    void decideAll(ids, what, reason)
  }
  useCommands({
    ...(together ? { approve: () => done(outcome) } : {}),
    ...(alike ? { reject: () => setRejecting(true) } : {}),
  })
  const yes = outcome === 'retry' ? 'Try all again' : `Approve all ${items.length}`
  return (
    <article className="flex h-full flex-col" aria-label={`${items.length} items`} data-group={items.length}>
      <header className="border-b border-line px-5 pt-3.5 pb-3">
        <p className="flex items-center gap-1.5 text-xs text-soft">
          <Layers size={12} aria-hidden /> {selection ? 'Selected' : 'Alike'}:{' '}
          {kindText(first.kind, true).toLowerCase()}
        </p>
        <h2 className="mt-0.5 text-lg font-semibold">
          {items.length} {selection ? 'selected items' : 'items of one shape'}
        </h2>
      </header>
      <div className="min-h-0 flex-1 overflow-y-auto" tabIndex={-1}>
        <Section title="Each of them">
          <ul className="max-w-3xl text-sm">
            {items.map(({ id, title }) => (
              <li key={id} className="border-b border-line py-1.5">
                <Line text={title} />
              </li>
            ))}
          </ul>
          <p className="mt-3 max-w-prose text-sm text-soft">
            {!alike
              ? 'These ask for different things: they are decided one by one.'
              : forGood
                ? 'What cannot be taken back is approved one by one. They can be rejected together.'
                : 'Open the group with o to read each whole. Each gets its own entry in the record.'}
          </p>
        </Section>
        {together && <SameAsCommand text={commandText(ids, outcome)} />}
      </div>
      <footer className="flex flex-wrap items-center gap-2 border-t border-line bg-surface px-5 py-2.5">
        {together && (
          <Verb of="decideAll" className="button button-first" onClick={() => done(outcome)}>
            {yes} <Key>a</Key>
          </Verb>
        )}
        {alike && (
          <Verb of="decideAll" className="button button-bad" onClick={() => setRejecting(true)}>
            {no === 'close' ? 'Close all as failed' : 'Reject all'} <Key>r</Key>
          </Verb>
        )}
        <span className="flex-1" />
        {selection && (
          <button className="button button-bare" onClick={back}>
            Clear <Key>Esc</Key>
          </button>
        )}
      </footer>
      {rejecting && (
        <Reason
          title={no === 'close' ? 'Close all as failed' : 'Reject all'}
          subject={`${items.length} items, the first: ${first.title}`}
          close={() => setRejecting(false)}
          say={(reason) => {
            setRejecting(false)
            done(no, reason)
          }}
        />
      )}
    </article>
  )
}
