import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Result } from '../../../src/client.ts'
import type { Json } from '../../../src/lib/json.ts'
import { api, messageOf, queries } from '../api.ts'
import { count } from '../lib/amounts.ts'
import { moved } from '../live.ts'
import { Changes, Fields, useForm } from '../queue/form.tsx'
import { Dialog } from '../shell/dialog.tsx'
import { toast } from '../shell/toasts.tsx'
import { Failed, Key, Loading, State } from '../ui/bits.tsx'
import { CliLine } from '../ui/cli-line.tsx'
import { Marked } from '../ui/text.tsx'

type Plan = Result<'runPlan'>
export interface RunAsk {
  readonly id: string
  readonly mode: Plan['mode']
  readonly step?: string
  readonly edit?: boolean
}

const TITLES = { retry: 'Do this again', restart: 'Start over', cancel: 'Stop now' } as const
const DO = { retry: 'Do it again', restart: 'Start over', cancel: 'Stop the run' } as const
const DONE = {
  retry: 'It goes on from there.',
  restart: 'It starts over.',
  cancel: 'The run is stopped.',
} as const

/** Shows what setting a run going again or stopping it does, and does exactly that once it is confirmed. */
export function RunPlanDialog({ of, close }: { of: RunAsk; close: () => void }) {
  const [input, setInput] = useState<Json | undefined>(undefined)
  const { id, mode, step } = of
  const args = { id, mode, ...(step === undefined ? {} : { step }), ...(input === undefined ? {} : { input }) }
  const plan = useQuery({
    queryKey: ['runPlan', args],
    queryFn: () => api.get('runPlan', args),
    gcTime: 0,
    meta: { still: true },
  })
  const title = of.edit && input === undefined ? 'Edit what it is given' : TITLES[mode]
  return (
    <Dialog title={title} close={close} wide>
      {plan.error ? (
        <div className="flex flex-col items-start">
          <Failed error={plan.error} />
          {input !== undefined && (
            <button className="button mb-5 ml-5" autoFocus onClick={() => setInput(undefined)}>
              Edit it once more
            </button>
          )}
        </div>
      ) : !plan.data ? (
        <Loading rows={2} />
      ) : of.edit && input === undefined ? (
        <EditInput of={plan.data.input} next={setInput} close={close} />
      ) : (
        <Confirm key={plan.data.binding} plan={plan.data} {...(input === undefined ? {} : { input })} close={close} />
      )}
    </Dialog>
  )
}

function EditInput({ of, next, close }: { of: Json; next: (input: Json) => void; close: () => void }) {
  const form = useForm(of)
  const able = !form.wrong && form.changed.length > 0
  const submit = () => able && next(form.result())
  return (
    <form
      className="flex min-h-0 flex-col"
      onSubmit={(e) => {
        e.preventDefault()
        submit()
      }}
      onKeyDown={(e) => {
        if (e.key !== 'Enter' || !(e.ctrlKey || e.metaKey)) return
        e.preventDefault()
        submit()
      }}
    >
      <div className="flex min-h-0 flex-col gap-4 overflow-y-auto px-5 py-4 text-sm">
        <p className="text-soft">
          The record says that you wrote it. Whose word the run started from stays what it was.
        </p>
        <Fields form={form} />
        <section>
          <h3 className="heading mb-1">What you change</h3>
          <Changes form={form} />
        </section>
      </div>
      <div className="flex justify-end gap-2 border-t border-line px-5 py-3">
        <button type="button" className="button" onClick={close}>
          Leave it
        </button>
        <button className="button button-first" disabled={!able}>
          See what it would do <Key>Ctrl Enter</Key>
        </button>
      </div>
    </form>
  )
}

const BECOMES = {
  recurs: ['Happens again', 'text-bad'],
  anew: ['Asked for again', 'text-warn'],
  dropped: ['Never leaves', 'text-warn'],
  stays: ['Stays as it is', 'text-soft'],
} as const

function Confirm({ plan, input, close }: { plan: Plan; input?: Json; close: () => void }) {
  const [busy, setBusy] = useState(false)
  const [reason, setReason] = useState('')
  const { id, mode, step, binding } = plan
  const confirm = async () => {
    if (busy) return
    setBusy(true)
    const given = {
      id,
      binding,
      ...(mode === 'retry' && step !== null ? { step } : {}),
      ...(input === undefined ? {} : { input }),
    }
    try {
      if (mode === 'cancel') await api.post('cancel', { id, binding, ...(reason.trim() === '' ? {} : { reason }) })
      else await api.post(mode, given)
      toast(DONE[mode])
      close()
    } catch (error) {
      toast(messageOf(error), { bad: true })
      setBusy(false)
      // What it would do may be something else now: that is shown, and confirmed with a binding of its own.
      await queries.invalidateQueries({ queryKey: ['runPlan'] })
    }
    moved()
  }
  const order = ['recurs', 'anew', 'dropped', 'stays'] as const
  return (
    <form
      className="flex min-h-0 flex-col"
      data-plan={mode}
      onSubmit={(e) => {
        e.preventDefault()
        void confirm()
      }}
    >
      <div className="flex min-h-0 flex-col gap-4 overflow-y-auto px-5 py-4 text-sm">
        <p className="text-soft">{sentence(plan)}</p>
        {order.map((becomes) => {
          const these = plan.effects.filter((e) => e.becomes === becomes)
          if (these.length === 0) return null
          const [title, tone] = BECOMES[becomes]
          return (
            <section key={becomes} data-becomes={becomes}>
              <h3 className={`heading mb-1 ${tone}`}>
                {title}: {count(these.length, 'effect')}
              </h3>
              <ul className="flex flex-col gap-2">
                {these.map((e) => (
                  <li key={e.effect} className="border-l-2 border-line pl-3">
                    <p className="flex gap-3 font-medium">
                      <span className="min-w-0 flex-1">
                        <Marked text={e.title} />
                      </span>
                      <State of={e.state} />
                    </p>
                    <p className="plain text-soft">{e.why}</p>
                  </li>
                ))}
              </ul>
            </section>
          )
        })}
        {plan.effects.length === 0 && <p className="text-soft">It did nothing outside and asked for nothing.</p>}
        {plan.gates.length > 0 && (
          <p className="plain text-soft">No longer asked: {plan.gates.map((g) => g.title ?? '(erased)').join('; ')}</p>
        )}
        {mode === 'cancel' && (
          <label className="flex flex-col gap-1">
            <span className="heading">Why (for the record)</span>
            <input className="field" autoFocus value={reason} onChange={(e) => setReason(e.target.value)} />
          </label>
        )}
        <CliLine text={commandOf(plan)} />
      </div>
      <div className="flex justify-end gap-2 border-t border-line px-5 py-3">
        <button type="button" className="button" onClick={close}>
          Leave it
        </button>
        <button className={`button ${mode === 'cancel' ? 'button-bad' : 'button-first'}`} autoFocus={mode !== 'cancel'}>
          {DO[mode]} <Key>Enter</Key>
        </button>
      </div>
    </form>
  )
}

function sentence({ mode, again, kept, ends, signals, edited }: Plan): string {
  if (mode === 'cancel') {
    const others = ends.length > 1 ? ` With it ${count(ends.length - 1, 'run')} that it waits for.` : ''
    return `It ends now.${others} What has not left never leaves; what it did outside stands until you take it back.`
  }
  const begin = again.length === 0 ? 'No step is done again' : `Done again: ${again.join(', ')}`
  const keep =
    kept.length === 0 ? 'nothing keeps its record' : `${kept.join(', ')} keep${kept.length === 1 ? 's' : ''} its record`
  const took =
    signals > 0
      ? ` ${count(signals, 'signal')} that it had taken ${signals === 1 ? 'is' : 'are'} there for it again.`
      : ''
  const with_ =
    edited && kept.length > 0
      ? ' Where a step that keeps its record would now be asked something else, the run parks and asks you.'
      : ''
  return `${begin}; ${keep}.${took}${with_}`
}

function commandOf({ id, mode, step, edited }: Plan): string {
  const input = edited ? ' --input JSON' : ''
  if (mode === 'cancel') return `factotum cancel ${id} --preview`
  if (mode === 'restart') return `factotum restart ${id}${input} --preview`
  return `factotum retry ${id}${step === null ? '' : ` --step '${step}'`}${input} --preview`
}
