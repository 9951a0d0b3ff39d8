import { useState } from 'react'
import type { Result } from '../../../src/client.ts'
import type { Json } from '../../../src/lib/json.ts'
import { api, useReading } from '../api.ts'
import { usePages } from '../pages.ts'
import { Form } from '../queue/dialogs.tsx'
import { Grounds } from '../queue/evidence.tsx'
import { Fields, useForm } from '../queue/form.tsx'
import { Given } from '../queue/proposal.tsx'
import { Dialog } from '../shell/dialog.tsx'
import { say, Why } from '../shell/saying.tsx'
import { Verb } from '../shell/verb.tsx'
import { Empty, Section, Shown, State, Time } from '../ui/bits.tsx'
import { LedTo } from '../ui/chain.tsx'
import { SameAsCommand } from '../ui/cli-line.tsx'
import { Filter, Head, Split } from '../ui/split.tsx'
import { Line, Text } from '../ui/text.tsx'
import { brief, Value } from '../ui/value.tsx'
import { useAddress } from '../url.ts'

const OUTCOMES = ['open', 'approved', 'edited', 'rejected', 'reversed', 'complained']

/** What was decided, by whom, and how it turned out. */
export function Decisions() {
  const { search } = useAddress()
  const outcome = OUTCOMES.includes(search.state ?? '') ? search.state : undefined
  const all = usePages('decisions', outcome ? { outcome: outcome as 'open' } : {})
  return (
    <Shown of={all}>
      {(data) => (
        <Split
          label="Decisions"
          items={data}
          more={all.more}
          whole={all.whole}
          filtered={outcome !== undefined}
          above={<Filter of={OUTCOMES} at={search.state} name="state" label="What became of it" />}
          empty={
            <Empty title="No decision">What agents and you decide in workflows is kept here, with its grounds.</Empty>
          }
          choose="Choose a decision to see its grounds"
          row={(d) => (
            <>
              <span className="flex items-baseline gap-3">
                <Line text={`${d.agent}: ${brief(d.value)}`} className="flex-1 font-medium" />
                <Time at={d.at} className="text-xs text-soft" />
              </span>
              <span className="flex gap-3 text-xs text-soft">
                <span>by {d.tier === 'operator' ? 'you' : d.tier}</span>
                {d.outcome !== null && <State of={d.outcome} />}
                {d.stale !== null && <span className="text-warn">rests on what no longer holds</span>}
              </span>
            </>
          )}
        >
          {(id) => <Decision id={id} />}
        </Split>
      )}
    </Shown>
  )
}

type Whole = Result<'decision'>

function Decision({ id }: { id: string }) {
  const one = useReading('decision', { id })
  const [open, setOpen] = useState<'correct' | 'complain' | null>(null)
  const close = () => setOpen(null)
  return (
    <Shown of={one}>
      {(d) => (
        <article data-item={id}>
          <Head
            over={
              <>
                <span>
                  decided by {d.tier === 'operator' ? 'you' : d.model === null ? d.tier : `${d.tier}, ${d.model}`}
                </span>
                <Time at={d.at} />
                {d.outcome !== null && <State of={d.outcome} />}
              </>
            }
            title={<Text text={d.question ?? d.agent} />}
          >
            {d.value !== null && d.corrected === null && d.tier !== 'operator' && (
              <Verb of="correct" className="button" onClick={() => setOpen('correct')}>
                Correct it
              </Verb>
            )}
            <Verb of="complain" className="button" onClick={() => setOpen('complain')}>
              Note a complaint
            </Verb>
          </Head>
          <Section title="What was decided">
            <div className="max-w-3xl text-sm">
              {d.value === null ? 'It was erased.' : <Value value={d.value} />}
              {d.rationale !== null && (
                <p className="mt-2 text-soft">
                  Because <Text text={d.rationale} most={1_500} />
                </p>
              )}
              {d.corrected !== null && (
                <p className="mt-2 text-warn">
                  Corrected by you to: <Text text={brief(d.corrected)} most={600} />
                </p>
              )}
            </div>
          </Section>
          {(d.opinions.length > 0 || d.options.length > 0) && (
            <Section title="What was thought">
              <Thought of={d} />
            </Section>
          )}
          {d.evidence.length > 0 && (
            <Section title="What it rests on">
              <Grounds of={d.evidence} />
            </Section>
          )}
          {(d.effects.length > 0 || d.turnout.length > 0) && (
            <Section title="What came of it">
              <Became of={d} />
            </Section>
          )}
          {d.input !== null && (
            <Section title="Of what">
              <div className="max-w-3xl text-sm">
                <Given of={d.input} />
              </div>
            </Section>
          )}
          <LedTo id={id} />
          <SameAsCommand text={`factotum decision ${id}`} />
          {open === 'correct' && <Correct of={d} close={close} />}
          {open === 'complain' && <Complain of={d} close={close} />}
        </article>
      )}
    </Shown>
  )
}

/** Each tier in the order in which it was asked, and what else could have been chosen. */
function Thought({ of: { opinions, options } }: { of: Whole }) {
  return (
    <ul className="flex max-w-3xl flex-col gap-2 text-sm">
      {opinions.map((o, at) => (
        <li key={at} className="grid grid-cols-[6.5rem_minmax(0,1fr)] gap-x-3 max-sm:grid-cols-1">
          <span className="text-faint">{o.source === o.tier ? o.tier : `${o.tier} ${o.source}`}</span>
          <span className="min-w-0">
            {o.outcome.replaceAll('_', ' ')}
            {o.value !== null && (
              <>
                : <Text text={brief(o.value)} most={400} />
              </>
            )}
            {o.because !== null && (
              <span className="block text-soft">
                <Text text={o.because} most={600} />
              </span>
            )}
          </span>
        </li>
      ))}
      {options.map((o, at) => (
        <li key={`o${at}`} className="grid grid-cols-[6.5rem_minmax(0,1fr)] gap-x-3 max-sm:grid-cols-1">
          <span className="text-faint">Not chosen</span>
          <span className="min-w-0">
            <Text text={brief(o.value)} most={400} />
            {o.whyNot !== null && (
              <span className="block text-soft">
                <Text text={o.whyNot} most={600} />
              </span>
            )}
          </span>
        </li>
      ))}
    </ul>
  )
}

function Became({ of: { effects, turnout } }: { of: Whole }) {
  return (
    <ul className="flex max-w-3xl flex-col gap-1.5 text-sm">
      {effects.map((e) => (
        <li key={e.id} className="flex gap-3">
          <a className="min-w-0 flex-1 text-accent underline" href={`/history?lens=effects&id=${e.id}`}>
            {e.action}
          </a>
          <State of={e.state} />
          <Time at={e.at} className="text-soft" />
        </li>
      ))}
      {turnout.map((t, at) => (
        <li key={at} className="flex gap-3">
          <State of={t.outcome} />
          <span className="min-w-0 flex-1 text-soft">
            by {t.by}
            {t.why !== null && (
              <>
                : <Text text={t.why} most={600} />
              </>
            )}
          </span>
          <Time at={t.at} className="text-soft" />
        </li>
      ))}
    </ul>
  )
}

/** What it should have been: its tiers are judged by it, and the learned one learns it. */
function Correct({ of: { id, agent, value }, close }: { of: Whole; close: () => void }) {
  const form = useForm(value as Json)
  const [reason, setReason] = useState('')
  return (
    <Dialog title="Correct it" close={close} wide>
      <Form
        submit={() =>
          void say(
            api.post('correct', { id, value: form.result(), reason: reason.trim() }),
            `Corrected: ${agent} is judged by it, and learns it.`,
            close,
          )
        }
        able={!form.wrong && form.changed.length > 0 && reason.trim() !== ''}
        label="Correct it"
        close={close}
      >
        <p className="text-soft">
          What was done on it stays until you take it back. Whoever had thought so counts as wrong from now on.
        </p>
        <Fields form={form} />
        <Why value={reason} set={setReason} />
      </Form>
    </Dialog>
  )
}

function Complain({ of: { id }, close }: { of: Whole; close: () => void }) {
  const [reason, setReason] = useState('')
  return (
    <Dialog title="Note a complaint" close={close}>
      <Form
        submit={() => void say(api.post('complain', { id, reason: reason.trim() }), 'It is on the record.', close)}
        able={reason.trim() !== ''}
        label="Note it"
        close={close}
      >
        <p className="text-soft">
          Somebody was not content with it: it stands beside the decision, and in its figures.
        </p>
        <Why value={reason} set={setReason} first />
      </Form>
    </Dialog>
  )
}
