import { ArrowLeft, ShieldAlert } from 'lucide-react'
import { useEffect, useState, type ReactNode } from 'react'
import type { Result } from '../../../src/client.ts'
import type { Choice } from '../../../src/governance/gates.ts'
import { mayAsk } from '../access/session.ts'
import { useReading } from '../api.ts'
import { useCommands } from '../shell/acting.ts'
import { newestUndo, dismiss, toast } from '../shell/toasts.tsx'
import { SameAsCommand } from '../ui/cli-line.tsx'
import { Empty, Facts, Key, Section, Shown, Time } from '../ui/bits.tsx'
import { Marked, Text } from '../ui/text.tsx'
import { Answer, Choose, Edit, Gone, Reason, Snooze } from './dialogs.tsx'
import { decide, lookAt, snooze, wake, type Decision } from './deciding.ts'
import { Evidence, Precedents } from './evidence.tsx'
import { Proposal } from './proposal.tsx'
import { UndoDialog } from './undoing.tsx'
import { commandText, kindText, riskText, verbsOf } from './words.ts'

export type Gate = Result<'gate'>
type Open =
  | { readonly what: 'edit' | 'snooze' | 'choose' }
  | { readonly what: 'reason' | 'answer'; readonly choice: Choice }
  | null

interface InPage {
  readonly listed: boolean
  readonly back: () => void
  /** Told when something is being written, and when it is over. */
  readonly writing: (on: boolean) => void
}

/** One item, whole, on one screen: what is proposed, on what grounds, what follows, and what can be said to it. */
export function Detail({ id, ...page }: InPage & { id: string }) {
  const gate = useReading('gate', { id })
  return (
    <Shown of={gate} rows={4}>
      {(data) => <Whole gate={data} {...page} />}
    </Shown>
  )
}

function Whole({ gate, listed, back, writing }: InPage & { gate: Gate }) {
  const [open, setOpen] = useState<Open>(null)
  const verbs = verbsOf(gate.kind, gate.choices)
  useEffect(() => lookAt(gate.id), [gate.id])
  const close = () => setOpen(null)
  const say = (decision: Decision) => {
    close()
    void decide(gate, { ...decision, binding: gate.binding })
  }
  const choose = (choice: Choice) => {
    if (choice.outcome === 'edit') setOpen({ what: 'edit' })
    else if (choice.needs === 'reason') setOpen({ what: 'reason', choice })
    else if (choice.needs === 'value') setOpen({ what: 'answer', choice })
    else say({ outcome: choice.outcome })
  }
  const approve = () => {
    if (verbs.approve) choose(verbs.approve)
    else if (verbs.choose.length === 1) choose(verbs.choose[0]!)
    else setOpen({ what: 'choose' })
  }
  const later = () => (gate.snoozedUntil === null ? setOpen({ what: 'snooze' }) : void wake(gate.id))
  const decided = !listed && gate.state !== 'open'
  const writes = open?.what === 'edit' || open?.what === 'answer' || open?.what === 'reason'
  useEffect(() => {
    if (!writes) return
    writing(true)
    return () => writing(false)
  }, [writes])
  useCommands(
    {
      approve,
      answer: () => (verbs.choose.length === 1 ? choose(verbs.choose[0]!) : setOpen({ what: 'choose' })),
      ...(verbs.edit ? { edit: () => choose(verbs.edit!) } : {}),
      ...(verbs.reject ? { reject: () => choose(verbs.reject!) } : {}),
      snooze: later,
    },
    { on: !decided },
  )
  if (decided && !writes)
    return (
      <Empty title="This item is decided">
        {gate.outcome === null ? 'Nobody waits for it any more.' : <>It was decided elsewhere: {gate.outcome}.</>}
        <button className="button mt-3 flex" onClick={back}>
          Back to the queue
        </button>
      </Empty>
    )
  const gone = decided ? (gate.outcome ?? 'nobody waits for it any more') : null
  return (
    <Gone.Provider value={gone}>
      <article className="flex h-full flex-col" aria-label={gate.title} data-item={gate.id}>
        <Header gate={gate} back={back} />
        <div className="min-h-0 flex-1 overflow-y-auto" tabIndex={-1}>
          <div className="[&>section>*]:max-w-3xl">
            <Section title={titleOfProposal(gate.kind)}>
              <Proposal gate={gate} />
            </Section>
            <Evidence gate={gate} />
            <Precedents gate={gate} />
            <Section title="What follows">
              <Facts rows={consequences(gate)} />
            </Section>
            <SameAsCommand text={commandText(gate.id, (verbs.approve ?? verbs.choose[0])?.outcome ?? 'approve')} />
          </div>
        </div>
        <Actions gate={gate} choose={choose} openAll={() => setOpen({ what: 'choose' })} later={later} />
        {open?.what === 'edit' && <Edit gate={gate} close={close} say={(value) => say({ outcome: 'edit', value })} />}
        {open?.what === 'reason' && (
          <Reason
            title={open.choice.label}
            subject={gate.title}
            close={close}
            say={(reason) => say({ outcome: open.choice.outcome, reason })}
          />
        )}
        {open?.what === 'answer' && (
          <Answer
            gate={gate}
            choice={open.choice}
            close={close}
            say={(value) => say({ outcome: open.choice.outcome, value })}
          />
        )}
        {open?.what === 'choose' && (
          <Choose
            gate={gate}
            close={close}
            choose={(choice) => {
              close()
              choose(choice)
            }}
          />
        )}
        {open?.what === 'snooze' && (
          <Snooze
            close={close}
            say={(until) => {
              close()
              void snooze(gate, until)
            }}
          />
        )}
      </article>
    </Gone.Provider>
  )
}

function Header({ gate, back }: { gate: Gate; back: () => void }) {
  return (
    <header className="flex items-start gap-2 border-b border-line px-5 pt-3.5 pb-3 max-sm:pl-2">
      <button
        className="button button-bare hidden px-1.5 max-sm:inline-flex"
        aria-label="Back to the queue"
        onClick={back}
      >
        <ArrowLeft size={16} aria-hidden />
      </button>
      <div className="min-w-0 flex-1">
        <p className="flex flex-wrap items-center gap-x-3 gap-y-0.5 text-xs text-soft">
          <span>{kindText(gate.kind)}</span>
          {gate.risk !== null && (
            <span className={`flex items-center gap-1 ${gate.risk === 'irreversible' ? 'text-warn' : ''}`}>
              {gate.risk === 'irreversible' && <ShieldAlert size={12} aria-hidden />}
              {riskText(gate.risk)}
            </span>
          )}
          <span>
            asked <Time at={gate.openedAt} />
          </span>
          {gate.snoozedUntil !== null && (
            <span>
              snoozed, back <Time at={gate.snoozedUntil} />
            </span>
          )}
        </p>
        <h2 className="mt-0.5 line-clamp-3 text-lg font-semibold text-balance [overflow-wrap:anywhere]" dir="auto">
          <Marked text={gate.title.slice(0, 600)} />
        </h2>
      </div>
    </header>
  )
}

function titleOfProposal(kind: string): string {
  if (kind === 'question' || kind === 'decision') return 'What is asked'
  if (kind === 'conflict') return 'What is believed, and what was said'
  if (kind === 'uncertain' || kind === 'dead_letter' || kind === 'failure' || kind === 'parked') return 'What happened'
  if (kind === 'contract') return 'What changed'
  return 'What will be done'
}

/** Of these the reason is a sentence, of what stopped a code. */
const ASKS = new Set(['effect', 'plan', 'decision', 'question', 'conflict'])

function consequences(gate: Gate): (readonly [string, ReactNode])[] {
  const { at, reversible } = (gate.context ?? {}) as { at?: string; reversible?: boolean }
  return [
    ...(at === undefined ? [] : [['Where', <Text key="at" text={at} />] as const]),
    ...(gate.risk === null
      ? []
      : [
          [
            'Afterwards',
            reversible
              ? 'It can be taken back by an action of its own.'
              : gate.kind === 'effect'
                ? 'Once it has left, it cannot be taken back.'
                : riskText(gate.risk),
          ] as const,
        ]),
    [
      'If you do nothing',
      <span key="if" className="block first-letter:uppercase">
        {gate.ifIgnored}.
      </span>,
    ],
    [
      ASKS.has(gate.kind) ? 'Why you are asked' : 'Code',
      <span key="why" className={ASKS.has(gate.kind) ? 'block first-letter:uppercase' : ''}>
        <Text text={gate.reason} />
      </span>,
    ],
    ...(gate.overBudget === null
      ? []
      : [
          [
            'Budget',
            <span key="over" className="text-warn">
              {gate.overBudget}
            </span>,
          ] as const,
        ]),
    ...(gate.shape === null
      ? []
      : [['Your record', gate.record ?? 'This is the first of its kind that you decide.'] as const]),
    ...(gate.run === null ? [] : [['Run', <RunLink key="run" id={gate.run} />] as const]),
  ]
}

function RunLink({ id }: { id: string }) {
  return (
    <a
      className="font-mono text-xs text-accent underline underline-offset-2"
      href={`/history?lens=runs&id=${encodeURIComponent(id)}`}
    >
      {id}
    </a>
  )
}

function Actions(props: { gate: Gate; choose: (choice: Choice) => void; openAll: () => void; later: () => void }) {
  const { gate, choose, openAll, later } = props
  if (!mayAsk('decide'))
    return (
      <footer className="border-t border-line px-5 py-2.5 text-sm text-soft">You look; the operator decides.</footer>
    )
  const verbs = verbsOf(gate.kind, gate.choices)
  const rest = gate.choices.filter((c) => c !== verbs.approve && c !== verbs.edit && c !== verbs.reject)
  return (
    <footer className="flex flex-wrap items-center gap-2 border-t border-line bg-surface px-5 py-2.5 max-sm:px-3">
      {verbs.approve ? (
        <button className="button button-first" onClick={() => choose(verbs.approve!)}>
          {verbs.approve.label} <Key>a</Key>
        </button>
      ) : (
        <button
          className="button button-first"
          onClick={() => (gate.choices.length === 1 ? choose(gate.choices[0]!) : openAll())}
        >
          {gate.choices.length === 1 ? gate.choices[0]!.label : 'Choose'} <Key>a</Key>
        </button>
      )}
      {verbs.edit && verbs.edit !== gate.choices[0] && (
        <button className="button" onClick={() => choose(verbs.edit!)}>
          {verbs.edit.outcome === 'edit' ? 'Edit' : verbs.edit.label} <Key>e</Key>
        </button>
      )}
      {verbs.reject && (
        <button className="button button-bad" onClick={() => choose(verbs.reject!)}>
          {verbs.reject.label} <Key>r</Key>
        </button>
      )}
      {verbs.approve !== null && rest.length > 0 && (
        <button className="button" onClick={openAll}>
          More <Key>Enter</Key>
        </button>
      )}
      <span className="flex-1" />
      <button className="button button-bare" onClick={later}>
        {gate.snoozedUntil === null ? 'Snooze' : 'Bring it back now'} <Key>s</Key>
      </button>
    </footer>
  )
}

/** `z`, wherever one is: what the newest toast would take back. */
export function useUndo() {
  useCommands({
    undo: () => {
      const newest = newestUndo()
      if (!newest?.undo) return void toast('There is nothing here to take back. History has everything that was done.')
      dismiss(newest.id)
      newest.undo.run()
    },
  })
  return <UndoDialog />
}
