import {
  createContext,
  useContext,
  useEffect,
  useState,
  type FormEvent,
  type KeyboardEvent,
  type ReactNode,
} from 'react'
import type { Choice } from '../../../src/governance/gates.ts'
import type { Json } from '../../../src/lib/json.ts'
import { useReading } from '../api.ts'
import { blank } from '../lib/forms.ts'
import { snoozeTimes } from '../lib/time.ts'
import { Dialog } from '../shell/dialog.tsx'
import { MAC } from '../shell/keys.tsx'
import { Key, Shown } from '../ui/bits.tsx'
import { Marked } from '../ui/text.tsx'
import type { Gate } from './detail.tsx'
import { Changes, Fields, useForm } from './form.tsx'
import { REASONS } from './words.ts'

/** In a text of many lines Enter is a line: with Ctrl or Cmd it is the answer. */
function submitKeys(event: KeyboardEvent<HTMLFormElement>): void {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
  event.preventDefault()
  event.currentTarget.requestSubmit()
}

/** What became of the item meanwhile: what is written for it stays, to be copied, and is not sent. Null: it still waits. */
export const Gone = createContext<string | null>(null)

export function Form(props: {
  children: ReactNode
  submit: () => void
  label: string
  able: boolean
  close: () => void
  bad?: boolean
}) {
  const { children, submit, label, close, bad = false } = props
  const gone = useContext(Gone)
  const able = props.able && gone === null
  const done = (event: FormEvent) => {
    event.preventDefault()
    if (able) submit()
  }
  return (
    <form className="flex min-h-0 flex-col" onSubmit={done} onKeyDown={submitKeys}>
      <div className="flex min-h-0 flex-col gap-4 overflow-y-auto px-5 py-4 text-sm">
        {gone !== null && (
          <p className="border-l-2 border-warn pl-3" role="alert" data-gone>
            This was decided elsewhere meanwhile: {gone}. What you wrote is not sent; copy what you want to keep.
          </p>
        )}
        {children}
      </div>
      <div className="flex items-center justify-end gap-2 border-t border-line px-5 py-3">
        <button type="button" className="button" onClick={close}>
          Cancel
        </button>
        <button className={`button ${bad ? 'button-bad' : 'button-first'}`} disabled={!able}>
          {label} <Key>{MAC ? '⌘' : 'Ctrl'} Enter</Key>
        </button>
      </div>
    </form>
  )
}

/** What would be done, field by field, and beside it what the edit changes. */
export function Edit({ gate, close, say }: { gate: Gate; close: () => void; say: (value: Json) => void }) {
  const effect = gate.kind === 'effect'
  const input = useReading('input', { id: gate.id }, { enabled: effect })
  return (
    <Dialog title="Edit, then approve" close={close} wide>
      {effect ? (
        <Shown of={input} rows={3}>
          {(value) => <EditForm value={value} close={close} say={say} />}
        </Shown>
      ) : (
        <EditForm value={(gate.proposal as { steps?: Json } | null)?.steps ?? gate.proposal} close={close} say={say} />
      )}
    </Dialog>
  )
}

function EditForm({ value, close, say }: { value: Json; close: () => void; say: (value: Json) => void }) {
  const form = useForm(value)
  return (
    <Form
      submit={() => say(form.result())}
      able={!form.wrong && form.changed.length > 0}
      label="Approve as edited"
      close={close}
    >
      <Fields form={form} />
      <section>
        <h3 className="heading mb-1">What you change</h3>
        <Changes form={form} />
      </section>
    </Form>
  )
}

/** A reason: one of those that are given most often by its number, or in words. */
export function Reason(props: { title: string; subject: string; close: () => void; say: (reason: string) => void }) {
  const { title, subject, close, say } = props
  const [reason, setReason] = useState('')
  const numbered = (event: KeyboardEvent) => {
    const chip = REASONS[Number(event.key) - 1]
    if (chip === undefined || reason !== '') return
    event.preventDefault()
    setReason(chip)
  }
  return (
    <Dialog title={title} close={close}>
      <Form submit={() => say(reason.trim())} able={reason.trim() !== ''} label={title} close={close} bad>
        <p className="plain line-clamp-3 text-soft">
          <Marked text={subject} />
        </p>
        <div className="flex flex-wrap gap-1.5">
          {REASONS.map((text, n) => (
            <button
              key={text}
              type="button"
              aria-pressed={reason === text}
              className={`button ${reason === text ? 'border-accent text-accent' : ''}`}
              onClick={() => setReason(text)}
            >
              {text} <Key>{n + 1}</Key>
            </button>
          ))}
        </div>
        <label className="flex flex-col gap-1">
          <span className="heading">Why, in your words (it is kept on the record)</span>
          <input
            className="field"
            autoFocus
            value={reason}
            onChange={(e) => setReason(e.target.value)}
            onKeyDown={(e) => {
              numbered(e)
              if (e.key === 'Enter') {
                e.preventDefault()
                e.currentTarget.form?.requestSubmit()
              }
            }}
          />
        </label>
      </Form>
    </Dialog>
  )
}

/** Answers in the shape that is asked for. */
export function Answer(props: { gate: Gate; choice: Choice; close: () => void; say: (value: Json) => void }) {
  const { gate, choice, close, say } = props
  const {
    shape = {},
    suggestion,
    otherwise,
  } = (gate.proposal ?? {}) as { shape?: Json; suggestion?: Json; otherwise?: Json }
  if (choice.options)
    return (
      <Dialog title={choice.label} close={close}>
        <p className="plain line-clamp-4 px-5 pt-4 text-sm text-soft">
          <Marked text={gate.title} />
        </p>
        <Options options={choice.options.map((text) => ({ label: text }))} choose={(n) => say(choice.options![n]!)} />
      </Dialog>
    )
  return (
    <Dialog title={choice.label} close={close} wide>
      <AnswerForm value={suggestion ?? otherwise ?? blank(shape)} title={gate.title} close={close} say={say} />
    </Dialog>
  )
}

function AnswerForm(props: { value: Json; title: string; close: () => void; say: (value: Json) => void }) {
  const { value, title, close, say } = props
  const form = useForm(value)
  return (
    <Form submit={() => say(form.result())} able={!form.wrong} label="Answer" close={close}>
      <p className="plain line-clamp-4 text-soft">
        <Marked text={title} />
      </p>
      <Fields form={form} />
    </Form>
  )
}

/** Everything that may be said to an item: chosen by its number, or with the arrows. */
export function Choose({ gate, close, choose }: { gate: Gate; close: () => void; choose: (choice: Choice) => void }) {
  return (
    <Dialog title="What should happen?" close={close}>
      <p className="plain line-clamp-4 px-5 pt-4 text-sm text-soft">
        <Marked text={gate.title.slice(0, 600)} />
      </p>
      <Options
        options={gate.choices.map((c) => ({
          label: c.label,
          ...(c.needs === undefined ? {} : { note: c.needs === 'reason' ? 'asks for a reason' : 'asks for a value' }),
        }))}
        choose={(n) => choose(gate.choices[n]!)}
      />
    </Dialog>
  )
}

export function Snooze({ close, say }: { close: () => void; say: (until: number) => void }) {
  const [times] = useState(() => snoozeTimes(Date.now()))
  return (
    <Dialog title="Show it again later" close={close}>
      <Options
        options={times.map(({ label, until }) => ({
          label,
          note: new Date(until).toLocaleString('en-GB', { weekday: 'short', hour: '2-digit', minute: '2-digit' }),
        }))}
        choose={(n) => say(times[n]!.until)}
      />
    </Dialog>
  )
}

function Options({
  options,
  choose,
}: {
  options: readonly { label: string; note?: string }[]
  choose: (n: number) => void
}) {
  const [at, setAt] = useState(0)
  useEffect(() => {
    const pressed = (event: globalThis.KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return
      const n = Number(event.key) - 1
      if (options[n]) {
        event.preventDefault()
        choose(n)
      } else if (event.key === 'ArrowDown' || event.key === 'j') {
        event.preventDefault()
        setAt((now) => Math.min(options.length - 1, now + 1))
      } else if (event.key === 'ArrowUp' || event.key === 'k') {
        event.preventDefault()
        setAt((now) => Math.max(0, now - 1))
      }
    }
    window.addEventListener('keydown', pressed)
    return () => window.removeEventListener('keydown', pressed)
  }, [options, choose])
  return (
    <ul className="min-h-0 overflow-y-auto p-3">
      {options.map(({ label, note }, n) => (
        <li key={n}>
          <button
            ref={(element) => {
              if (n === at) element?.focus()
            }}
            className={`flex w-full items-center gap-3 rounded-md px-2.5 py-2 text-sm ${n === at ? 'bg-accent-soft' : ''}`}
            onPointerMove={() => setAt(n)}
            onClick={() => choose(n)}
          >
            <Key>{n + 1}</Key>
            <span className="plain min-w-0 flex-1">
              <Marked text={label} />
            </span>
            {note !== undefined && <span className="text-xs whitespace-nowrap text-soft">{note}</span>}
          </button>
        </li>
      ))}
    </ul>
  )
}
