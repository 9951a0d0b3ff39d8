import { useState } from 'react'
import type { Result } from '../../../src/client.ts'
import { useReading } from '../api.ts'
import { usePages } from '../pages.ts'
import { decide, undo } from '../queue/deciding.ts'
import { askUndo } from '../queue/undoing.tsx'
import { useCommands } from '../shell/acting.ts'
import { Preview } from '../queue/proposal.tsx'
import { Dialog } from '../shell/dialog.tsx'
import { Verb } from '../shell/verb.tsx'
import { Empty, Facts, Key, Section, Shown, State, Time } from '../ui/bits.tsx'
import { LedTo } from '../ui/chain.tsx'
import { copy, SameAsCommand } from '../ui/cli-line.tsx'
import { Filter, Head, Split } from '../ui/split.tsx'
import { Line, Text } from '../ui/text.tsx'
import { Value } from '../ui/value.tsx'
import { useAddress } from '../url.ts'
import { Audit, ToAudit } from './audits.tsx'
import { Redrive } from './stopped.tsx'

const STATES = ['gated', 'held', 'dispatched', 'succeeded', 'failed', 'uncertain', 'cancelled', 'refused', 'undone']

/** Everything that was, is or will be done outside. */
export function Effects() {
  const { search } = useAddress()
  return search.state === TO_AUDIT ? <ToAudit above={<ByState />}>{(id) => <Effect id={id} />}</ToAudit> : <All />
}

/** In the place of a state: those that passed without asking and are to be looked over. */
const TO_AUDIT = 'audit'

function ByState() {
  const { search } = useAddress()
  return (
    <Filter
      of={[...STATES, TO_AUDIT]}
      at={search.state}
      name="state"
      label="State"
      words={{ [TO_AUDIT]: 'passed, to look over' }}
    />
  )
}

function All() {
  const { search } = useAddress()
  const effects = usePages('effects', search.state ? { state: search.state } : {})
  return (
    <Shown of={effects}>
      {(data) => (
        <Split
          label="Effects"
          items={data}
          more={effects.more}
          whole={effects.whole}
          filtered={search.state !== undefined}
          above={<ByState />}
          empty={
            <Empty title={search.state ? 'No effect is in this state' : 'Nothing was done outside yet'}>
              A mail that is sent, a refund, a page that is published: each appears here, with what takes it back.
            </Empty>
          }
          choose="Choose an effect to see it whole, and to take it back"
          row={(effect) => (
            <>
              <span className="flex items-baseline gap-3">
                <Line
                  text={effect.undoes === null ? effect.title : `Undo of ${effect.title}`}
                  className="flex-1 font-medium"
                />
                <Time at={effect.settledAt ?? effect.proposedAt} className="text-xs text-soft" />
              </span>
              <span className="flex items-center gap-3 text-xs">
                <State of={effect.state} />
                {effect.error !== null && <Line text={effect.error} className="text-soft" />}
                {effect.state === 'held' && effect.dueAt !== null && (
                  <span className="text-soft">
                    leaves <Time at={effect.dueAt} />
                  </span>
                )}
              </span>
            </>
          )}
        >
          {(id) => <Effect id={id} />}
        </Split>
      )}
    </Shown>
  )
}

function Effect({ id }: { id: string }) {
  const effect = useReading('effect', { id })
  return <Shown of={effect}>{(e) => <Whole of={e} />}</Shown>
}

type Whole = Result<'effect'>

/** What the operator may say where nobody knows whether it happened. */
const OUTCOMES = [
  ['happened', 'It happened'],
  ['retry', 'It did not: try it again'],
  ['close', 'Close it as failed'],
] as const

function Whole({ of: e }: { of: Whole }) {
  const { id } = e
  const [open, setOpen] = useState<'reconcile' | 'redrive' | null>(null)
  const [busy, setBusy] = useState(false)
  const gate = (kind: string) => e.gates.find((g) => g.kind === kind && g.state === 'open')
  const [uncertain, dead] = [gate('uncertain'), gate('dead_letter')]
  const undoable = e.undoes === null && e.undo.how !== 'leave'
  const takeBack = async () => {
    if (e.state !== 'held') return askUndo(id)
    setBusy(true)
    await undo(id)
    setBusy(false)
  }
  useCommands({ copyCli: () => void copy(`factotum why ${id}`) })
  useCommands({ undo: () => void takeBack() }, { on: undoable })
  useCommands({ answer: () => setOpen(uncertain ? 'reconcile' : 'redrive') }, { on: !!uncertain || !!dead })
  return (
    <article data-item={id}>
      <Head
        over={
          <>
            <State of={e.state} />
            <span className="font-mono">{id}</span>
          </>
        }
        title={<Text text={e.undoes === null ? e.title : `Undo of ${e.title}`} />}
      >
        <Verb
          of="undo"
          className="button button-bad"
          disabled={busy || !undoable}
          title={undoable ? undefined : e.undoes === null ? e.undo.why : 'An undo is not taken back.'}
          onClick={() => void takeBack()}
        >
          {e.undo.how === 'cancel' ? 'Stop it' : 'Take it back'} <Key>z</Key>
        </Verb>
        <Verb
          of="decide"
          className="button"
          disabled={!uncertain}
          title={uncertain ? undefined : 'It is known what became of it.'}
          onClick={() => setOpen('reconcile')}
        >
          Say what happened {uncertain && <Key>Enter</Key>}
        </Verb>
        <Verb
          of="redrive"
          className="button"
          disabled={!dead}
          title={dead ? undefined : 'It has not given up.'}
          onClick={() => setOpen('redrive')}
        >
          Redrive {dead && <Key>Enter</Key>}
        </Verb>
      </Head>
      {e.audit !== null && <Audit of={e} />}
      <Section title="In short">
        <Facts
          rows={[
            ['Action', e.action],
            ['Risk', e.risk],
            ['Attempts', String(e.tries)],
            [
              'Run',
              <a key="run" className="font-mono text-xs text-accent underline" href={`/history?lens=runs&id=${e.run}`}>
                {e.run}
              </a>,
            ],
            ...(e.undoes === null ? [['Undo', <Text key="u" text={e.undo.why} />] as const] : []),
            ...(e.error === null
              ? []
              : [['Error', <Text key="e" text={e.error.text ?? e.error.code ?? ''} />] as const]),
            ...(e.output === null ? [] : [['What came back', <Value key="o" value={e.output} />] as const]),
            ['Approved by', e.approvedBy ?? 'nobody was asked, or has not said yet'],
          ]}
        />
      </Section>
      <Section title="What it does">
        <div className="max-w-3xl text-sm">
          {e.input === null ? 'It was erased.' : <Preview of={e.preview ?? e.input} />}
          {e.input !== null && e.preview !== null && JSON.stringify(e.preview) !== JSON.stringify(e.input) && (
            <details className="mt-2 text-soft">
              <summary>All that it was given</summary>
              <div className="pt-2">
                <Value value={e.input} />
              </div>
            </details>
          )}
        </div>
      </Section>
      <LedTo id={id} />
      <SameAsCommand
        text={
          uncertain
            ? `factotum decide ${uncertain.id} happened`
            : dead
              ? `factotum redrive ${id}`
              : `factotum undo ${id}`
        }
      />
      {open === 'redrive' && <Redrive which={id} close={() => setOpen(null)} />}
      {open === 'reconcile' && uncertain && (
        <Reconcile title={e.title} gate={uncertain.id} close={() => setOpen(null)} />
      )}
    </article>
  )
}

function Reconcile({ title, gate, close }: { title: string; gate: string; close: () => void }) {
  const [reason, setReason] = useState('')
  const item = useReading('gate', { id: gate })
  const able = item.data?.choices ?? []
  return (
    <Dialog title="What happened" close={close}>
      <div className="flex flex-col gap-3 px-5 py-4 text-sm" data-reconcile>
        <p className="font-medium">
          <Text text={title} />
        </p>
        <p className="text-soft">Look it up where it was sent, then say it. Closing needs a reason.</p>
        <label className="flex flex-col gap-1">
          <span className="heading">Why (for the record)</span>
          <input className="field" value={reason} onChange={(e) => setReason(e.target.value)} />
        </label>
        <Shown of={item} rows={1}>
          {() => (
            <div className="flex flex-wrap gap-2">
              {OUTCOMES.filter(([outcome]) => able.some((c) => c.outcome === outcome)).map(([outcome, label], n) => (
                <button
                  key={outcome}
                  autoFocus={n === 0}
                  className={`button ${n === 0 ? 'button-first' : ''}`}
                  disabled={able.find((c) => c.outcome === outcome)?.needs === 'reason' && reason.trim() === ''}
                  onClick={() => {
                    close()
                    void decide(
                      { id: gate, title },
                      { outcome, ...(reason.trim() === '' ? {} : { reason: reason.trim() }) },
                    )
                  }}
                >
                  {label}
                </button>
              ))}
            </div>
          )}
        </Shown>
      </div>
    </Dialog>
  )
}
