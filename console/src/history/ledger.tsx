import { Check, X } from 'lucide-react'
import { useState } from 'react'
import type { Result } from '../../../src/client.ts'
import { api, messageOf, queries, useReading } from '../api.ts'
import { usePages } from '../pages.ts'
import { Empty, Failed, Loading, Section, Shown, Time } from '../ui/bits.tsx'
import { Chain, kindWords } from '../ui/chain.tsx'
import { SameAsCommand } from '../ui/cli-line.tsx'
import { Head, Split } from '../ui/split.tsx'
import { useAddress } from '../url.ts'

/** Every event, in its order; of each what led to it; and the proof that none was changed. */
export function Ledger() {
  const { search, change } = useAddress()
  const filter = { ...(search.of ? { related: search.of } : {}), ...(search.q ? { kind: search.q } : {}) }
  const ledger = usePages('ledger', filter)
  return (
    <Shown of={ledger}>
      {(data) => (
        <Split
          label="Events"
          more={ledger.more}
          whole={ledger.whole}
          filtered={search.of !== undefined || search.q !== undefined}
          items={data.map((e) => ({ ...e, id: String(e.seq) }))}
          above={
            <div className="flex flex-col gap-2 border-b border-line px-3.5 py-2">
              <Verify />
              <input
                className="field text-sm"
                placeholder="Of a record: run_…, eff_…, gate_…"
                aria-label="Of a record"
                value={search.of ?? ''}
                onChange={(e) => change({ of: e.target.value.trim(), id: undefined })}
              />
              <input
                className="field text-sm"
                placeholder="Of a kind: gate.decided, effect."
                aria-label="Of a kind"
                value={search.q ?? ''}
                onChange={(e) => change({ q: e.target.value.trim(), id: undefined })}
              />
            </div>
          }
          empty={
            <Empty title="No event is of this record">
              Give the id of a run, an effect, a gate, a signal or an entity.
            </Empty>
          }
          choose="Choose an event to see what led to it"
          row={(event) => (
            <>
              <span className="flex items-baseline gap-3">
                <span className="w-12 shrink-0 text-right font-mono text-xs text-soft">{event.seq}</span>
                <span className="flex-1 truncate font-medium first-letter:uppercase">{kindWords(event.kind)}</span>
                <Time at={event.at} className="text-xs text-soft" />
              </span>
              <span className="ml-15 flex gap-3 text-xs text-soft">
                <span className="truncate font-mono">{event.stream}</span>
                <span className="truncate">{event.actor}</span>
              </span>
            </>
          )}
        >
          {(id) => <One seq={id} />}
        </Split>
      )}
    </Shown>
  )
}

function One({ seq }: { seq: string }) {
  const chain = useReading('why', { id: seq })
  const story = useReading('event', { seq: Number(seq) })
  const { change } = useAddress()
  return (
    <Shown of={chain} rows={4}>
      {(links) => {
        const event = links.at(-1)!
        return (
          <article data-item={seq}>
            <Head
              over={<Time at={event.at} />}
              title={<span className="block first-letter:uppercase">{kindWords(event.kind)}</span>}
            >
              <button className="button" onClick={() => change({ of: event.stream, id: undefined }, { keep: true })}>
                All of {event.stream.slice(0, 14)}
              </button>
            </Head>
            <Section title="What led to it, from the beginning">
              <Chain links={links} />
            </Section>
            <Section title="What it led to">
              <Shown of={story} rows={2}>
                {({ consequences }) =>
                  consequences.length === 0 ? (
                    <p className="text-sm text-soft">Nothing so far.</p>
                  ) : (
                    <ul className="text-sm">
                      {consequences.map((one) => (
                        <li key={one.seq} className="flex gap-3 border-b border-line py-1.5 last:border-b-0">
                          <button
                            className="w-12 text-right font-mono text-xs text-accent underline underline-offset-2"
                            onClick={() => change({ id: String(one.seq) }, { keep: true })}
                          >
                            {one.seq}
                          </button>
                          <span className="flex-1 first-letter:uppercase">{kindWords(one.kind)}</span>
                          <span className="truncate font-mono text-xs text-soft">{one.stream}</span>
                        </li>
                      ))}
                    </ul>
                  )
                }
              </Shown>
            </Section>
            <SameAsCommand text={`factotum why ${seq}`} />
          </article>
        )
      }}
    </Shown>
  )
}

/** Checks every event against every other and against what was signed; says what it found. */
function Verify() {
  const [report, setReport] = useState<Result<'verify'> | 'busy' | Error | null>(null)
  const verify = async () => {
    setReport('busy')
    await api
      .post('verify', { checkpoints: [] })
      .then(setReport, (error: unknown) => setReport(new Error(messageOf(error))))
    await queries.invalidateQueries({ queryKey: ['status'] })
  }
  return (
    <div
      className="flex flex-col gap-2 text-sm"
      data-verify={report !== null && report !== 'busy' && !(report instanceof Error) ? String(report.ok) : ''}
    >
      <button className="button" disabled={report === 'busy'} onClick={() => void verify()}>
        {report === 'busy' ? 'Verifying' : 'Verify the ledger'}
      </button>
      {report === 'busy' && <Loading rows={1} />}
      {report instanceof Error && <Failed error={report} />}
      {report !== null && report !== 'busy' && !(report instanceof Error) && <Report of={report} />}
    </div>
  )
}

function Report({ of }: { of: Result<'verify'> }) {
  if (of.ok)
    return (
      <p className="flex items-start gap-1.5 text-good" role="status">
        <Check size={15} className="mt-0.5 shrink-0" aria-hidden /> Every event is as it was written, and signed.
      </p>
    )
  return (
    <div className="text-bad" role="alert">
      <p className="flex items-start gap-1.5">
        <X size={15} className="mt-0.5 shrink-0" aria-hidden /> The ledger is not as it was written.
      </p>
      <ul className="plain mt-1 list-disc pl-6">
        {of.problems.map((problem, at) => (
          <li key={at}>{problem.message}</li>
        ))}
      </ul>
    </div>
  )
}
