import type { Result } from '../../../src/client.ts'
import type { Json } from '../../../src/lib/json.ts'
import { exact } from '../lib/time.ts'
import { useReading } from '../api.ts'
import { Section, Shown, Time } from './bits.tsx'
import { Value } from './value.tsx'

type Link = Result<'why'>[number]

/** `effect.proposed@1` as `effect proposed`. */
export function kindWords(kind: string): string {
  return kind.replace(/@\d+$/, '').replaceAll(/[._]/g, ' ')
}

/** Events in the order in which each led to the next; what each says is opened by a press. */
export function Chain({ links }: { links: readonly Link[] }) {
  return (
    <ol className="flex flex-col">
      {links.map((link) => (
        <Event key={link.seq} link={link} />
      ))}
    </ol>
  )
}

/** The events that led to a record. */
export function LedTo({ id }: { id: string }) {
  const chain = useReading('why', { id })
  return (
    <Section title="What led to it">
      <Shown of={chain} rows={2}>
        {(links) => <Chain links={links} />}
      </Shown>
    </Section>
  )
}

function Event({ link }: { link: Link }) {
  return (
    <li className="border-b border-line last:border-b-0">
      <details>
        <summary className="flex cursor-pointer items-baseline gap-3 py-1.5 text-sm marker:content-none">
          <span className="w-12 shrink-0 text-right font-mono text-xs text-soft" title={exact(link.at)}>
            {link.seq}
          </span>
          <span className="min-w-0 flex-1 truncate first-letter:uppercase">{kindWords(link.kind)}</span>
          <span className="truncate text-xs text-soft max-sm:hidden">{link.actor}</span>
          <Time at={link.at} className="text-xs text-soft" />
        </summary>
        <div className="mb-2 ml-15 flex flex-col gap-2 rounded bg-sunken px-3 py-2 text-sm">
          <Value value={link.body as Json} />
          {link.private !== null && (
            <div>
              <p className="heading mb-1">Personal, erasable</p>
              <Value value={link.private as Json} />
            </div>
          )}
          <a
            className="self-start text-accent underline underline-offset-2"
            href={`/history?lens=ledger&id=${link.seq}`}
          >
            Event {link.seq} in the ledger
          </a>
          {link.erased && <p className="text-soft">Its personal part was erased.</p>}
        </div>
      </details>
    </li>
  )
}
